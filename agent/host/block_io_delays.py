"""/proc/PID/task/TID/stat, field 42: how long a thread has waited for block io in all its life

The kernel counts that only while kernel.task_delayacct is 1 (a sysctl since Linux 5.14, and 0
unless somebody has set it), and only of threads that began since. The field is 0 of all others: so
0 is not told. That of a process is the sum of the threads that live, for /proc/PID/stat has that of
the first one alone, which in a Go program hardly ever waits for a disk.

https://docs.kernel.org/accounting/delay-accounting.html, proc_pid_stat(5)
"""

from __future__ import annotations

import os

from agent.host.absence import SourceAbsent
from agent.host.clock import TICK_NS
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.parse.proc_stat import parse_figures


class BlockIoDelays:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)

    def absent(self) -> str:
        """Why none is known; empty: the kernel counts them."""
        try:
            value = read_file(f"{self._proc}/sys/kernel/task_delayacct").strip()
        except SourceAbsent as error:
            return f"unsupported: {error.absent.detail}"
        told = value.decode("ascii", "backslashreplace")
        return "" if value == b"1" else f"unsupported: kernel.task_delayacct is {told}"

    def of_thread(self, pid: int, tid: int) -> float | None:
        """Seconds; None: not known."""
        return _seconds(self._ticks(pid, tid))

    def of_process(self, pid: int) -> float | None:
        """Seconds of its threads together; None: not known."""
        try:
            names = os.listdir(f"{self._proc}/{pid}/task")
        except OSError:
            return None
        return _seconds(sum(self._ticks(pid, int(name)) for name in names))

    def _ticks(self, pid: int, tid: int) -> int:
        try:
            return parse_figures(read_file(f"{self._proc}/{pid}/task/{tid}/stat")).blkio_ticks
        except (SourceAbsent, ParseError):
            return 0  # it has ended meanwhile


def _seconds(ticks: int) -> float | None:
    return ticks * TICK_NS / 1e9 if ticks else None
