"""CPUStolen and SoftirqSaturated."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import cpu_stolen, softirq_saturated
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.condition import Finding
from agent.model.cpu import CPUReport
from tests.serve.cpu_sample import CPU, SHARES
from tests.serve.runtime_sample import NOW_NS

STOLEN, SOFTIRQ = cpu_stolen.DETECTOR, softirq_saturated.DETECTOR


def found(detector: Detector, report: CPUReport | None) -> list[Finding]:
    return list(detector.detect(Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, cpu=report)))


def test_stolen() -> None:
    (finding,) = found(STOLEN, CPU)
    assert finding.message == (
        "the hypervisor took 30 % of 10 s of 64 CPUs; 448 tasks were runnable"
    )


def test_softirq() -> None:
    (finding,) = found(SOFTIRQ, CPU)
    assert finding.message == "CPU 3 of 64 spent 88 % of 10 s in soft interrupts"


@pytest.mark.parametrize("detector", [STOLEN, SOFTIRQ])
@pytest.mark.parametrize(
    "report",
    [
        None,
        replace(CPU, shares=None, busiest=None),
        replace(CPU, window_seconds=2.0),
        replace(CPU, shares=replace(SHARES, steal=0.19), busiest_softirq=0.79),
    ],
)
def test_silent(detector: Detector, report: CPUReport | None) -> None:
    """Below the bound, and while too little is known."""
    assert found(detector, report) == []
