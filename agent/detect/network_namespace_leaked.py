"""NetworkNamespaceLeaked: a named network namespace that belongs to no sandbox any more."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.leftovers import leftovers
from agent.detect.scene import Scene
from agent.model.catalogue.network import NETWORK_NAMESPACE_LEAKED
from agent.model.condition import Finding
from agent.model.network import LeftoverKind


def _detect(scene: Scene) -> Iterator[Finding]:
    yield from leftovers(
        scene,
        LeftoverKind.NAMESPACE,
        NETWORK_NAMESPACE_LEAKED,
        reason="NamespaceLeaked",
        one="a network namespace belongs",
        many="network namespaces belong",
    )


DETECTOR = Detector(condition=NETWORK_NAMESPACE_LEAKED, detect=_detect)
