"""What the detectors of left-over containers have in common: tasks in words, and as evidence."""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.afterlife import Task, TaskList
from agent.model.condition import Entity, EntityKind, Evidence
from agent.model.oom import Container

MAX_FRAMES = 8


def entity(container: Container) -> Entity:
    """The container as what a condition is about."""
    return Entity(kind=EntityKind.CONTAINER, id=container.id, names=container)


def seconds(since_ns: int | None, now_ns: int) -> str:
    """ "for 12 s" of an age; how it reads for people is the client's."""
    return f"{max(0, now_ns - (now_ns if since_ns is None else since_ns)) / 1e9:.0f} s"


def blocked(tasks: TaskList) -> tuple[Task, ...]:
    """Those that sleep where no signal reaches them."""
    return tuple(task for task in tasks.tasks if task.state == "D")


def brief(tasks: TaskList) -> str:
    """ "work[434] in state D in folio_wait_bit_common and 2 more"; never empty."""
    if not tasks.tasks:
        return tasks.absent or "no task could be read"
    first = tasks.tasks[0]
    more = len(tasks.tasks) - 1 + tasks.more
    where = f" in {first.wchan}" if first.wchan else ""
    return f"{_who(first)} in state {first.state}{where}" + (f" and {more} more" if more else "")


def evidence(tasks: TaskList, now_ns: int) -> Iterator[Evidence]:
    """Each task: who, its state, since when it is seen so, where it waits, and its stack."""
    if tasks.absent:
        yield Evidence(what="tasks", value=tasks.absent, source="/proc")
    for task in tasks.tasks:
        at = f"/proc/{task.pid}/task/{task.tid}" if task.tid != task.pid else f"/proc/{task.pid}"
        since = seconds(task.since_boottime_ns, now_ns)
        yield Evidence(
            what="task",
            value=f"{_who(task)} state {task.state}, seen so for {since}",
            source=f"{at}/stat",
        )
        if task.wchan:
            yield Evidence(what="wchan", value=f"{_who(task)} {task.wchan}", source=f"{at}/wchan")
        if task.stack or task.unread:
            frames = " < ".join(task.stack[:MAX_FRAMES]) or task.unread
            yield Evidence(what="stack", value=f"{_who(task)} {frames}", source=f"{at}/stack")
    if tasks.more:
        yield Evidence(what="tasks", value=f"{tasks.more} more", source="cgroup.procs")


def _who(task: Task) -> str:
    thread = "" if task.tid == task.pid else f", thread {task.tid}"
    return f"{task.comm}[{task.pid}{thread}]"
