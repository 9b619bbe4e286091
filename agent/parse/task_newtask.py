"""The trace event task:task_newtask

    lab-init-1 [001] ..... 138.938364: task_newtask: pid=6748 comm=lab-init \
clone_flags=1200000 oom_score_adj=0

The task is the parent, `pid` the child's. Unlike sched:sched_process_fork it tells the flags of
clone(2), hence whether the child is a thread and whether it began in another cgroup than its
parent's, and takes no more of the ring. The comm stands between the two that matter, and can be
mistaken for neither.

include/trace/events/task.h, include/uapi/linux/sched.h
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.lineage import Forked
from agent.parse.trace_event import TraceEvent

EVENT = "task/task_newtask"
NAME = b"task_newtask"

CLONE_THREAD = 0x00010000
CLONE_INTO_CGROUP = 0x200000000

_PAYLOAD = re.compile(
    rb"pid=([0-9]{1,10}) comm=.{0,15} clone_flags=([0-9a-f]{1,16}) oom_score_adj=-?[0-9]{1,5}\n?",
    re.DOTALL,
)


def parse_newtask(event: TraceEvent) -> Forked:
    """Who was made by whom. Raises ParseError."""
    match = _PAYLOAD.fullmatch(event.payload)
    if match is None:
        raise ParseError("task_newtask: pid, comm, clone_flags, oom_score_adj", event.payload)
    flags = int(match[2], 16)
    return Forked(
        event.timestamp_us,
        event.pid,
        int(match[1]),
        bool(flags & CLONE_THREAD),
        bool(flags & CLONE_INTO_CGROUP),
    )
