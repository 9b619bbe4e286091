"""The trace event cgroup:cgroup_attach_task

    sh-6687 [001] dN.1. 138.709660: cgroup_attach_task: dst_root=0 dst_id=29412 dst_level=4 \
dst_path=/kubepods/burstable/podflight/f99 pid=6687 comm=python3

`dst_root` is the hierarchy: 0 is v2, else the first number of a line in /proc/PID/cgroup. `dst_id`
is the inode of the cgroup's directory. A path is of at most 1024 bytes (TRACE_CGROUP_PATH_LEN) and
holds no newline, but whatever else its maker likes, and so may the comm: "x pid=1 comm=y" fits into
both. Where that leaves several readings, all their pids are told, and none of them is believed.

include/trace/events/cgroup.h
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.lineage import Moved
from agent.parse.names import printable
from agent.parse.trace_event import TraceEvent

EVENT = "cgroup/cgroup_attach_task"
NAME = b"cgroup_attach_task"

_HEAD = re.compile(
    rb"dst_root=([0-9]{1,10}) dst_id=([0-9]{1,20}) dst_level=[0-9]{1,10} dst_path=(?=/)"
)
_TAIL = re.compile(rb" pid=([0-9]{1,10}) comm=")
_TASK_COMM_BYTES = 15


def parse_attach(event: TraceEvent) -> list[Moved]:
    """Who was moved where; more than one only if the line can be read in several ways.

    Raises ParseError.
    """
    payload = event.payload.removesuffix(b"\n")
    head = _HEAD.match(payload)
    # A comm of 15 bytes at most, so what comes earlier is the path's.
    room = max(0, len(payload) - _TASK_COMM_BYTES - len(b" pid=0123456789 comm="))
    start = max(room, head.end()) if head else 0
    tails = [
        tail
        for tail in _TAIL.finditer(payload, start)
        if len(payload) - tail.end() <= _TASK_COMM_BYTES
    ]
    if head is None or not tails:
        raise ParseError("cgroup_attach_task: dst_root, dst_id, dst_level, dst_path, pid", payload)
    if len(tails) > 1:
        return [Moved(event.timestamp_us, int(tail[1]), 0, "") for tail in tails]
    path = payload[head.end() : tails[0].start()]
    return [Moved(event.timestamp_us, int(tails[0][1]), int(head[2]), printable(path))]
