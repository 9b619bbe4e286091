"""What the agent itself uses, and how large the node's memory is (psutil)."""

from __future__ import annotations

import os

import psutil
from msgspec import Struct

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.root import HostRoot
from agent.model.absence import Absence


class ProcessUsage(Struct, frozen=True, kw_only=True):
    """What one process has used and holds."""

    cpu_seconds: float  # user and system, since it started
    resident_bytes: int
    open_fds: int


class SelfUsageSource:
    """Reads our own process through the host's procfs, where it has the host's pid."""

    def __init__(self, root: HostRoot) -> None:
        """Raises SourceAbsent. Points all of psutil to the host's procfs, which is our only one."""
        link = root.proc / "self"
        with absent_on_error(link):
            pid = int(os.readlink(link))
        psutil.PROCFS_PATH = str(root.proc)
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise SourceAbsent(Absence.FAILED, f"psutil cannot see ourselves: {error}") from error

    def read(self) -> ProcessUsage:
        """The usage now. Raises SourceAbsent."""
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                return ProcessUsage(
                    cpu_seconds=times.user + times.system,
                    resident_bytes=self._process.memory_info().rss,
                    open_fds=self._process.num_fds(),
                )
        except psutil.Error as error:
            raise SourceAbsent(Absence.FAILED, f"psutil: {error}") from error
        except OSError as error:  # psutil does not turn all of them into its own
            raise SourceAbsent.of(error, "our own process") from error

    def node_memory_bytes(self) -> int:
        """MemTotal of the node. Raises SourceAbsent."""
        with absent_on_error("meminfo"):
            return psutil.virtual_memory().total
