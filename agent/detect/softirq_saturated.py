"""SoftirqSaturated: one CPU does little but soft interrupts."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.cpu_stolen import WHOLE_SECONDS
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.cpu import SOFTIRQ_SATURATED
from agent.model.condition import NODE, Evidence, Finding

SATURATED = 0.8


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.cpu
    if report is None or report.window_seconds < WHOLE_SECONDS:
        return
    share, cpu = report.busiest_softirq, report.busiest
    if cpu is None or share < SATURATED:
        return
    of = f"of {report.window_seconds:.0f} s"
    yield Finding(
        type=SOFTIRQ_SATURATED.name,
        entity=NODE,
        reason="Softirq",
        message=f"CPU {cpu} of {report.cpus} spent {100 * share:.0f} % {of} in soft interrupts",
        evidence=(Evidence(what="softirq", value=f"{share:.3f} {of}", source="/proc/stat"),),
    )


DETECTOR = Detector(condition=SOFTIRQ_SATURATED, detect=_detect)
