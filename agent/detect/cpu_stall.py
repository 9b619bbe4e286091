"""CPUStall: some task of the node waits for a CPU, nearly always.

The node's alone: in a cgroup's the tasks that its own cpu.max throttles stand out, and those wait
for their limit, not for a CPU. The node's counts them too, beside all that has a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.stall import finding, some, worst
from agent.model.catalogue.pressure import CPU_STALL
from agent.model.condition import Finding
from agent.model.pressure import Resource, Scope

SOME_AVG10 = 90.0


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.pressure is None:
        return
    level = worst(scene.pressure, Resource.CPU, (Scope.NODE,))
    if level is not None and some(level) >= SOME_AVG10:
        told = f"some task waited for a CPU {some(level):.0f} % of ten seconds"
        yield finding(scene, CPU_STALL, level, told)


DETECTOR = Detector(condition=CPU_STALL, detect=_detect)
