"""/proc/locks of the host, and which file of a process a lock is on

The file's path comes from the process that waits: /proc/PID/fdinfo names the inode of each open
file (since Linux 5.14), and reading the link of the descriptor touches no file system.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import os

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.parse.names import printable
from agent.parse.proc_locks import FileLock, parse_locks

_MAX_DESCRIPTORS = 256


class FileLocks:
    """Reads the host's procfs; holds nothing open. For a worker."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)

    def all(self) -> tuple[FileLock, ...]:
        """Raises SourceAbsent, ParseError."""
        return parse_locks(read_file(f"{self._proc}/locks"))

    def path(self, pid: int, inode: int) -> str:
        """Where the process has this inode open; empty if that is not told."""
        mark = b"\nino:\t%d\n" % inode
        try:
            descriptors = os.listdir(f"{self._proc}/{pid}/fd")[:_MAX_DESCRIPTORS]
            for descriptor in descriptors:
                if mark in b"\n" + read_file(f"{self._proc}/{pid}/fdinfo/{descriptor}"):
                    link = os.readlink(f"{self._proc}/{pid}/fd/{descriptor}")
                    return printable(os.fsencode(link))
        except (OSError, SourceAbsent):
            pass  # it has ended meanwhile
        return ""
