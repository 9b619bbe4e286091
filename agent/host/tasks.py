"""/proc/PID/task/TID of the host: where a thread waits

Read are stat, wchan and stack: none takes mmap_lock. stack needs CAP_SYS_ADMIN, and waits for the
process's exec_update_lock, which one that hangs in execve(2) holds: read them in a worker.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import contextlib
import os

from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.afterlife import Task
from agent.parse.proc_stack import parse_stack
from agent.parse.proc_stat import parse_stat
from agent.parse.proc_wchan import parse_wchan

_DEAD = frozenset("ZXx")


class TaskReader:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)

    def threads(self, pid: int) -> tuple[int, ...]:
        """The threads of a process. Raises SourceAbsent (VANISHED once reaped)."""
        path = f"{self._proc}/{pid}/task"
        try:
            return tuple(int(name) for name in os.listdir(path) if name.isdigit())
        except OSError as error:
            raise SourceAbsent.of(error, path) from error

    def task(self, pid: int, tid: int) -> Task:
        """Who a thread is, its state and its wchan. Raises SourceAbsent, ParseError."""
        stat = parse_stat(read_file(f"{self._proc}/{pid}/task/{tid}/stat"))
        wchan = ""
        with contextlib.suppress(SourceAbsent, ParseError):
            wchan = parse_wchan(read_file(f"{self._proc}/{pid}/task/{tid}/wchan"))
        return Task(
            pid=pid,
            tid=tid,
            comm=stat.comm,
            state=stat.state,
            start_boottime_ns=ticks_to_ns(stat.start_ticks),
            wchan=wchan,
        )

    def with_stack(self, task: Task) -> Task:
        """The task with its kernel stack, or with why it has none; raises nothing."""
        try:
            data = read_file(f"{self._proc}/{task.pid}/task/{task.tid}/stack")
            return replace(task, stack=parse_stack(data))
        except SourceAbsent as error:
            absence = error.absent.absence
            denied = "reading kernel stacks needs CAP_SYS_ADMIN"
            unread = denied if absence is Absence.DENIED else error.absent.detail
            return replace(task, unread=unread)
        except ParseError as error:
            return replace(task, unread=str(error))

    def lives(self, pid: int, *, started_before_ns: int) -> bool:
        """Whether the process that had this pid then has a live thread still.

        A leader that has ended stays as a zombie while other threads live. Raises SourceAbsent if
        that cannot be known, ParseError.
        """
        try:
            leader = self.task(pid, pid)
            if leader.start_boottime_ns > started_before_ns:
                return False
            if leader.state not in _DEAD:
                return True
            return any(
                self.task(pid, tid).state not in _DEAD for tid in self.threads(pid) if tid != pid
            )
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return False
            raise
