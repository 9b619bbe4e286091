"""Samples what lives in containers: cgroup.events of all, and the tasks of suspicious ones.

Nothing here is for the event loop: /proc/PID/stack can wait for a process that hangs in execve(2).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from agent.host.absence import SourceAbsent
from agent.host.tasks import TaskReader
from agent.model.absence import Absence, ParseError
from agent.model.afterlife import Life, Task, TaskList
from agent.model.cgroup import CgroupId, CgroupMode
from agent.parse.cgroup_events import parse_cgroup_events

MAX_READ = 512
"""Threads of one container whose state is read: some 60 us each."""
MAX_KEPT = 16
MAX_STACKS = 8
MAX_NESTED = 64
"""Cgroups below a container whose processes are looked for."""

_ORDER = {state: rank for rank, state in enumerate("DRTtSIZXx")}


class Cgroups(Protocol):
    """What we ask of a hierarchy; agent.host.cgroup_fs.CgroupFs does."""

    @property
    def mode(self) -> CgroupMode: ...

    def read(self, path: str, name: str) -> bytes: ...

    def populated(self, path: str) -> bool: ...

    def procs(self, path: str) -> tuple[int, ...]: ...

    def children(self, path: str) -> tuple[tuple[str, int], ...]: ...

    def inode(self, path: str) -> int: ...


def read_lives(fs: Cgroups, paths: Mapping[CgroupId, str]) -> dict[CgroupId, Life]:
    """Whether a process lives in each of these cgroups. What is gone is not in the answer, and what
    cannot be read is not told.
    """
    found: dict[CgroupId, Life] = {}
    for key, path in paths.items():
        try:
            found[key] = _life(fs, path)
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                found[key] = Life()
        except ParseError:
            found[key] = Life()
    return found


def _life(fs: Cgroups, path: str) -> Life:
    if fs.mode is not CgroupMode.V2:
        return Life(populated=fs.populated(path))
    events = parse_cgroup_events(fs.read(path, "cgroup.events"))
    return Life(populated=events.populated, frozen=events.frozen)


def read_tasks(fs: Cgroups, reader: TaskReader, path: str) -> TaskList:
    """The tasks of a container and of what is below it, zombies left out. Raises nothing."""
    try:
        pids = _pids(fs, path)
    except (SourceAbsent, ParseError) as error:
        return TaskList(absent=str(error))
    tasks, unread = _read(reader, pids)
    tasks.sort(key=lambda task: (_ORDER.get(task.state, len(_ORDER)), task.pid, task.tid))
    kept = [
        reader.with_stack(task) if rank < MAX_STACKS and task.state == "D" else task
        for rank, task in enumerate(tasks[:MAX_KEPT])
    ]
    return TaskList(tasks=tuple(kept), more=len(tasks) - len(kept) + unread)


def _pids(fs: Cgroups, path: str) -> list[int]:
    pids = list(fs.procs(path))
    waiting, seen = [path], 0
    while waiting and seen < MAX_NESTED:
        with contextlib.suppress(SourceAbsent):
            for below, _ in fs.children(waiting.pop()):
                seen += 1
                waiting.append(below)
                pids.extend(fs.procs(below))
    return pids


def _read(reader: TaskReader, pids: Iterable[int]) -> tuple[list[Task], int]:
    """The live tasks, and how many were left out."""
    tasks: list[Task] = []
    left, unread = MAX_READ, 0
    for pid in pids:
        try:
            threads = reader.threads(pid)
        except SourceAbsent:
            continue  # it has ended meanwhile
        unread += max(0, len(threads) - left)
        for tid in threads[:left]:
            left -= 1
            with contextlib.suppress(SourceAbsent, ParseError):
                task = reader.task(pid, tid)
                if task.state not in "ZXx":
                    tasks.append(task)
    return tasks, unread
