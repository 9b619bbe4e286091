"""/proc/vmstat: the node's own count of OOM kills, on a kept descriptor."""

from __future__ import annotations

import os

from agent.host.absence import absent_on_error
from agent.host.files import pread_file
from agent.host.root import HostRoot
from agent.parse.vmstat import parse_oom_kill


class VmStat:
    """Counts every OOM kill of the node since boot, memory cgroup or global, on v1 and v2."""

    def __init__(self, root: HostRoot) -> None:
        """Open the file. Raises SourceAbsent."""
        self._path = root.proc / "vmstat"
        with absent_on_error(self._path):
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def oom_kill(self) -> int:
        """Processes that the OOM killer has killed since boot. Raises SourceAbsent, ParseError."""
        return parse_oom_kill(pread_file(self._fd, self._path))

    def close(self) -> None:
        """Close the file; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
