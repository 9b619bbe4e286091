"""/proc/PID/mountinfo, fd and fdinfo: the block devices that a process can reach, and those that it
has open, or has open files on

    mountinfo     29 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
    fdinfo/3      mnt_id:   29
    fd/4          -> /dev/nvme1n1

A mount table has all that anybody may wait for, and on the host nearly everything; a descriptor is
what it works with. mountinfo waits while a mount or unmount there hangs: all of this is for a
worker. Reading the descriptors of another process needs CAP_SYS_PTRACE.

https://docs.kernel.org/filesystems/proc.html (3.5, 3.8)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.parse.fdinfo import parse_mount_id
from agent.parse.mountinfo import parse_mountinfo

MAX_DESCRIPTORS = 1024
"""Of one process; it can have a million sockets."""


class OpenDevices:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)

    def mounts(self, pid: int) -> dict[int, str]:
        """The mount table of a process: device by id of the mount. Raises SourceAbsent,
        ParseError.
        """
        mounts = parse_mountinfo(read_file(f"{self._proc}/{pid}/mountinfo"))
        return {mount.mount_id: mount.device for mount in mounts}

    def opened(self, pid: int, mounts: Mapping[int, str]) -> frozenset[str]:
        """By the first of its descriptors, with that mount table. Raises SourceAbsent."""
        at = f"{self._proc}/{pid}"
        with absent_on_error(f"{at}/fd"):
            names = os.listdir(f"{at}/fd")[:MAX_DESCRIPTORS]
        found = set()
        for name in names:
            try:
                device = mounts.get(parse_mount_id(read_file(f"{at}/fdinfo/{name}")), "")
                found |= {device, self._special(f"{at}/fd/{name}")}
            except (SourceAbsent, ParseError, OSError):
                continue  # closed meanwhile
        return frozenset(found - {""})

    def _special(self, link: str) -> str:
        """The device, if a descriptor is one. Files elsewhere are not asked: that could hang."""
        if not os.readlink(link).startswith("/dev/"):
            return ""
        status = os.stat(link)
        if not stat.S_ISBLK(status.st_mode):
            return ""
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
