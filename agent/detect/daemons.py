"""What the detectors of the node's daemons have in common: the process of one, in words, and as
evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.tasks import seconds
from agent.model.condition import Evidence
from agent.model.runtime import STOPPED, DaemonProcess, FormerDaemon


def brief(
    process: DaemonProcess | None, former: FormerDaemon | None, now_ns: int, *, unknown: str
) -> str:
    """What it is doing, or how it ended; `unknown` if there never was one."""
    if process is None:
        if former is None:
            return unknown
        ago = seconds(former.seen_boottime_ns, now_ns)
        return f"{former.comm}[{former.key.pid}] is gone for {ago}: {former.end}"
    who = f"{process.comm}[{process.key.pid}]"
    if process.state in STOPPED:
        return f"{who} is stopped (state {process.state})"
    if process.blocked:
        first = process.blocked[0]
        more = f" and {len(process.blocked) - 1} more" if len(process.blocked) > 1 else ""
        return f"{who} has a thread in state D in {first.wchan or '?'}{more}"
    return f"{who} runs (state {process.state}, {process.threads} threads)"


def evidence(process: DaemonProcess | None, former: FormerDaemon | None) -> Iterator[Evidence]:
    """The process, its threads in state D, and the process before it."""
    if process is not None:
        at = f"/proc/{process.key.pid}"
        value = f"{process.comm}[{process.key.pid}] state {process.state}"
        yield Evidence(what="process", value=value, source=f"{at}/stat")
        for task in process.blocked:
            value = f"{task.comm}[{task.tid}] state D in {task.wchan or '?'}"
            yield Evidence(what="thread", value=value, source=f"{at}/task/{task.tid}/wchan")
    if former is not None:
        value = f"{former.comm}[{former.key.pid}]: {former.end}"
        yield Evidence(what="former process", value=value, source="process connector")
