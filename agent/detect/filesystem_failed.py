"""FilesystemFailed: the kernel has given up a file system, for writing or altogether."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.disk_faults import finding
from agent.detect.kernel_log import of_disks
from agent.detect.scene import Scene
from agent.model.catalogue.io import FILESYSTEM_FAILED
from agent.model.condition import Finding
from agent.model.faults import BROKEN


def _detect(scene: Scene) -> Iterator[Finding]:
    sums = tuple(each for each in of_disks(scene) if each.last.kind in BROKEN)
    if sums:
        yield finding(scene, FILESYSTEM_FAILED, sums, at=None)


DETECTOR = Detector(condition=FILESYSTEM_FAILED, detect=_detect)
