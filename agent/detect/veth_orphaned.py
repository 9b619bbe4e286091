"""VethOrphaned: a veth of the host that leads to no living sandbox."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.leftovers import leftovers
from agent.detect.scene import Scene
from agent.model.catalogue.network import VETH_ORPHANED
from agent.model.condition import Finding
from agent.model.network import LeftoverKind


def _detect(scene: Scene) -> Iterator[Finding]:
    yield from leftovers(
        scene,
        LeftoverKind.VETH,
        VETH_ORPHANED,
        reason="NoSandbox",
        one="a veth belongs",
        many="veths belong",
    )


DETECTOR = Detector(condition=VETH_ORPHANED, detect=_detect)
