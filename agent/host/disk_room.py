"""statvfs(2) of the kubelet's file systems. It hangs on a dead disk: only in a worker."""

from __future__ import annotations

import os
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.model.memory import Room


def disk_room(path: Path) -> tuple[Room, Room | None]:
    """(bytes, inodes) as cAdvisor has them: of what is free, what is not reserved for root.

    No inodes where the file system counts none (btrfs). Raises SourceAbsent.
    """
    try:
        found = os.statvfs(path)
    except OSError as error:
        raise SourceAbsent.of(error, path) from error
    space = Room(
        available=found.f_frsize * found.f_bavail, capacity=found.f_frsize * found.f_blocks
    )
    inodes = Room(available=found.f_ffree, capacity=found.f_files) if found.f_files else None
    return space, inodes
