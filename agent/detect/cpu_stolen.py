"""CPUStolen: the hypervisor gives the node's CPUs to somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.cpu import CPU_STOLEN
from agent.model.condition import NODE, Evidence, Finding

STOLEN = 0.2
WHOLE_SECONDS = 5.0
"""Of a shorter window nothing is said."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.cpu
    if report is None or report.shares is None or report.window_seconds < WHOLE_SECONDS:
        return
    steal = report.shares.steal
    if steal < STOLEN:
        return
    of = f"of {report.window_seconds:.0f} s of {report.cpus} CPUs"
    yield Finding(
        type=CPU_STOLEN.name,
        entity=NODE,
        reason="Steal",
        message=f"the hypervisor took {100 * steal:.0f} % {of}; {report.runnable:.0f} tasks were "
        "runnable",
        evidence=(Evidence(what="steal", value=f"{steal:.3f} {of}", source="/proc/stat"),),
    )


DETECTOR = Detector(condition=CPU_STOLEN, detect=_detect)
