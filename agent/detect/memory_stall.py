"""MemoryStall: all that has work waits, for want of memory."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.stall import finding, full, worst
from agent.model.catalogue.pressure import MEMORY_STALL
from agent.model.condition import Finding
from agent.model.pressure import Resource, Scope

FULL_AVG10 = 10.0


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.pressure is None:
        return
    level = worst(scene.pressure, Resource.MEMORY, (Scope.NODE, Scope.KUBEPODS))
    if level is not None and full(level) >= FULL_AVG10:
        told = f"all its tasks with work waited for {full(level):.0f} % of ten seconds"
        yield finding(scene, MEMORY_STALL, level, told)


DETECTOR = Detector(condition=MEMORY_STALL, detect=_detect)
