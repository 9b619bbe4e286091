"""A CNI plugin that was executed a moment ago: a descriptor that tells its end, and what it is

stat and cgroup take no lock of the process; environ takes its mmap_lock and can hang behind a stuck
task: `environ` is for a worker that can be left behind.

pidfd_open(2), proc_pid_environ(5)
"""

from __future__ import annotations

import contextlib
import os

from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.cni import PluginProcess
from agent.parse.proc_environ import CNIEnvironment, parse_cni_environ

_ENVIRON_LIMIT = 1 << 20


class PluginProcesses:
    """Reads the host's procfs. Who opens a descriptor here closes it with `close`."""

    def __init__(self, root: HostRoot, proc: ProcReader) -> None:
        self._root = root
        self._proc = proc

    def open(self, pid: int) -> tuple[int, PluginProcess]:
        """A pidfd, readable once the process has ended, and who it is.

        Raises SourceAbsent, VANISHED if it has ended and is reaped, ParseError.
        """
        try:
            fd = os.pidfd_open(pid)
        except OSError as error:
            raise SourceAbsent.of(error, f"pidfd_open {pid}") from error
        try:
            return fd, self.who(pid)
        except BaseException:
            os.close(fd)
            raise

    def who(self, pid: int) -> PluginProcess:
        """Raises SourceAbsent, ParseError."""
        stat = self._proc.stat(pid)
        return PluginProcess(
            pid=pid,
            start_boottime_ns=ticks_to_ns(stat.start_ticks),
            parent_pid=stat.ppid,
            comm=stat.comm,
            cgroup=self._proc.memory_cgroup(pid),
        )

    def environ(self, pid: int) -> CNIEnvironment | None:
        """The CNI's variables; None once it has ended, reaped or not. Raises SourceAbsent."""
        try:
            data = read_file(self._root.proc / str(pid) / "environ", limit=_ENVIRON_LIMIT)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return None
            raise
        return parse_cni_environ(data) if data else None

    def named(self, names: frozenset[str]) -> tuple[PluginProcess, ...]:
        """All processes with one of these names. Some 20 us each: not for the event loop."""
        found = []
        for entry in os.listdir(self._root.proc):
            if entry.isdecimal():
                with contextlib.suppress(SourceAbsent, ParseError):
                    if self._proc.stat(int(entry)).comm in names:
                        found.append(self.who(int(entry)))
        return tuple(found)

    def close(self, fd: int) -> None:
        """Close a descriptor of `open`."""
        os.close(fd)
