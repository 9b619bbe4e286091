"""IOStall: all that has work waits, for want of a disk."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.stall import finding, full, worst
from agent.model.catalogue.pressure import IO_STALL
from agent.model.condition import Finding
from agent.model.pressure import Resource, Scope

FULL_AVG10 = 40.0


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.pressure is None:
        return
    level = worst(scene.pressure, Resource.IO, (Scope.NODE, Scope.KUBEPODS))
    if level is not None and full(level) >= FULL_AVG10:
        told = f"all its tasks with work waited for {full(level):.0f} % of ten seconds"
        yield finding(scene, IO_STALL, level, told)


DETECTOR = Detector(condition=IO_STALL, detect=_detect)
