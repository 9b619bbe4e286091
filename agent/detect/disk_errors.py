"""DiskErrors: the kernel's log says that a disk, or a file system on it, fails."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.disk_faults import finding
from agent.detect.kernel_log import of_disks
from agent.detect.scene import Scene
from agent.model.catalogue.io import DISK_ERRORS
from agent.model.condition import Finding
from agent.model.faults import BROKEN


def _detect(scene: Scene) -> Iterator[Finding]:
    sums = tuple(each for each in of_disks(scene) if each.last.kind not in BROKEN)
    if sums:
        yield finding(scene, DISK_ERRORS, sums, at=max(each.last_boottime_ns for each in sums))


DETECTOR = Detector(condition=DISK_ERRORS, detect=_detect)
