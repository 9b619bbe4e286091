"""Which threads of a process are in state D, and where they wait.

Nothing here is for the event loop.
"""

from __future__ import annotations

from agent.host.absence import SourceAbsent
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.model.afterlife import Task

MAX_THREADS = 512
MAX_BLOCKED = 8


def blocked_threads(tasks: TaskReader, pid: int) -> tuple[Task, ...]:
    """The first few, whatever it is that they wait for; none if the process is gone."""
    found: list[Task] = []
    try:
        threads = tasks.threads(pid)[:MAX_THREADS]
    except SourceAbsent:
        return ()
    for tid in threads:
        try:
            task = tasks.task(pid, tid)
        except (SourceAbsent, ParseError):
            continue
        if task.state == "D":
            found.append(task)
    return tuple(found[:MAX_BLOCKED])
