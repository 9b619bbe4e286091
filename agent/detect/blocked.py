"""What the detectors of disks and of blocked tasks have in common: who waits, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agent.detect.tasks import MAX_FRAMES
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.condition import Evidence

MAX_TASKS = 8
"""Tasks in the evidence, the longest first."""


def owner(blocked: BlockedTask) -> str:
    """ "shop/web-0 app", "containerd.service", "the kernel"."""
    if blocked.kernel:
        return "the kernel"
    names = blocked.names
    if names is not None and (names.pod or names.pod_uid):
        pod = f"{names.namespace or '?'}/{names.pod or names.pod_uid}"
        return f"{pod} {names.name}".rstrip()
    return blocked.unit or "no unit"


def where(blocked: BlockedTask) -> str:
    """ "work[434] of shop/web-0 app in folio_wait_bit_common"."""
    task = blocked.task
    thread = "" if task.tid == task.pid else f", thread {task.tid}"
    at = f" in {task.wchan}" if task.wchan else ""
    return f"{task.comm}[{task.pid}{thread}] of {owner(blocked)}{at}"


def owners(tasks: Iterable[BlockedTask], most: int = 4) -> str:
    """ "33 of shop/web-0 app, 1 of containerd.service", those with most first."""
    counts = Counter(map(owner, tasks))
    told = [f"{count} of {name}" for name, count in counts.most_common(most)]
    more = len(counts) - len(told)
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def evidence(report: BlockedReport, tasks: tuple[BlockedTask, ...]) -> Iterator[Evidence]:
    """Each task: for how long, where, and its stack."""
    for blocked in tasks[:MAX_TASKS]:
        task = blocked.task
        at = f"/proc/{task.pid}/task/{task.tid}" if task.tid != task.pid else f"/proc/{task.pid}"
        value = f"{where(blocked)}, has not run for {report.seconds(blocked):.0f} s"
        yield Evidence(what="task", value=value, source=f"{at}/wchan")
        if task.stack or task.unread:
            frames = " < ".join(task.stack[:MAX_FRAMES]) or task.unread
            yield Evidence(what="stack", value=f"{task.tid}: {frames}", source=f"{at}/stack")
    if len(tasks) > MAX_TASKS:
        yield Evidence(what="tasks", value=f"{len(tasks) - MAX_TASKS} more", source="/proc")
