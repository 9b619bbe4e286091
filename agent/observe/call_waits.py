"""Samples where CNI calls that run are: the thread that tells most, and the lock it waits for.

Nothing here is for the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.host.absence import SourceAbsent
from agent.host.file_locks import FileLocks
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.model.afterlife import Task
from agent.model.cni import CallWait, LockHolder, LockWait
from agent.parse.proc_locks import FileLock

MAX_THREADS = 64
MAX_HOLDERS = 4

_IDLE = ("futex_", "do_epoll_wait", "ep_poll", "hrtimer_nanosleep", "do_nanosleep")
"""Where the threads of a Go program wait that have nothing to do, so that another one tells more"""


def read_waits(
    tasks: TaskReader, locks: FileLocks, pids: Iterable[int], now_ns: int
) -> dict[int, CallWait]:
    """Of each process, where it is. What has ended meanwhile is not in the answer."""
    try:
        all_locks = locks.all()
    except (SourceAbsent, ParseError):
        all_locks = ()
    found = {}
    for pid in pids:
        task = _telling(tasks, pid)
        if task is not None:
            found[pid] = CallWait(
                boottime_ns=now_ns,
                comm=task.comm,
                tid=task.tid,
                state=task.state,
                wchan=task.wchan,
                lock=_lock(tasks, locks, all_locks, pid),
            )
    return found


def _telling(tasks: TaskReader, pid: int) -> Task | None:
    """The thread in state D, else the one that waits for something of its own, else the first."""
    try:
        threads = sorted(tasks.threads(pid))[:MAX_THREADS]
    except SourceAbsent:
        return None
    found: list[Task] = []
    for tid in threads:
        try:
            found.append(tasks.task(pid, tid))
        except (SourceAbsent, ParseError):
            continue
    return min(found, key=_rank, default=None)


def _rank(task: Task) -> tuple[int, int]:
    if task.state == "D":
        return 0, task.tid
    idle = task.state == "S" and (not task.wchan or task.wchan.startswith(_IDLE))
    return (2 if idle else 1), task.tid


def _lock(
    tasks: TaskReader, locks: FileLocks, all_locks: tuple[FileLock, ...], pid: int
) -> LockWait | None:
    waits = next((lock for lock in all_locks if lock.waits and lock.pid == pid), None)
    if waits is None:
        return None
    same = (lock for lock in all_locks if lock.number == waits.number and not lock.waits)
    holders = [
        lock.pid for lock in same if (lock.device, lock.inode) == (waits.device, waits.inode)
    ]
    return LockWait(
        kind=waits.kind,
        file=locks.path(pid, waits.inode) or f"{waits.device}:{waits.inode}",
        holders=tuple(_holder(tasks, holder) for holder in holders[:MAX_HOLDERS]),
    )


def _holder(tasks: TaskReader, pid: int) -> LockHolder:
    task = _telling(tasks, pid)
    if task is None:
        return LockHolder(pid=pid)
    try:
        comm = tasks.task(pid, pid).comm
    except (SourceAbsent, ParseError):
        comm = task.comm
    return LockHolder(pid=pid, comm=comm, state=task.state, wchan=task.wchan)
