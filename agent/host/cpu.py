"""/proc/stat and /proc/loadavg of the host

The kernel adds up all interrupts of all CPUs for each read of /proc/stat: milliseconds on large
machines. Read it in a worker.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.cpu import Load, NodeStat
from agent.parse.kernel_stat import parse_kernel_stat
from agent.parse.loadavg import parse_load


class CpuFiles:
    """Holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = root.proc

    def read(self) -> tuple[NodeStat, Load]:
        """Raises SourceAbsent, ParseError."""
        return (
            parse_kernel_stat(read_file(self._proc / "stat")),
            parse_load(read_file(self._proc / "loadavg")),
        )
