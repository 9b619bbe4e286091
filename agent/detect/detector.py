"""A detector: an entry of the catalogue, and the pure function that finds it in a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from agent.detect.scene import Scene
from agent.model.condition import ConditionType, Finding


class Detector(Struct, frozen=True, kw_only=True):
    """`detect` tells what is so at this tick; what it does not tell is not so, unless `unknown`
    tells why nobody can know that, although the sources see.
    """

    condition: ConditionType
    detect: Callable[[Scene], Iterable[Finding]]
    unknown: Callable[[Scene], str] = lambda scene: ""
