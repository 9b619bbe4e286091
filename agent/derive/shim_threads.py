"""Which shims are blocked: the tasks in state D of the whole node, held against the shims.

A shim is a Go program: the thread that waits is as a rule not its first, whose state its stat has.
"""

from __future__ import annotations

from collections import defaultdict

from msgspec.structs import replace

from agent.model.afterlife import Task
from agent.model.blocked import BlockedReport
from agent.model.runtime import Shim

MAX_THREADS = 8


def with_blocked(shims: tuple[Shim, ...], report: BlockedReport | None) -> tuple[Shim, ...]:
    """The same with their threads that have been in state D for too long, the longest first."""
    if report is None or not report.tasks:
        return shims
    stuck: defaultdict[int, list[Task]] = defaultdict(list)
    for blocked in report.stuck():
        stuck[blocked.task.pid].append(blocked.task)
    return tuple(
        # A pid is used again, a thread is not older than its process.
        replace(
            shim,
            blocked=tuple(
                task
                for task in stuck[shim.key.pid]
                if task.start_boottime_ns >= shim.key.start_boottime_ns
            )[:MAX_THREADS],
        )
        if shim.key.pid in stuck
        else shim
        for shim in shims
    )
