"""/proc/PID/task/TID/status: how often the task has left a CPU

    voluntary_ctxt_switches:	41
    nonvoluntary_ctxt_switches:	7

A task whose sum stays the same has not run in between: one that waits for a disk again and again
is told from one that waits all the time.

https://docs.kernel.org/filesystems/proc.html, proc_pid_status(5)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number

_KEYS = (b"voluntary_ctxt_switches:", b"nonvoluntary_ctxt_switches:")


def parse_switches(data: bytes) -> int:
    """The sum of both; ParseError if one is missing."""
    found = {}
    for line in data.split(b"\n"):
        key, _, value = line.partition(b"\t")
        if key in _KEYS:
            found[key] = number(value.strip(), "status: a number of context switches")
    if len(found) != len(_KEYS):
        raise ParseError("status: two lines of context switches", data[-80:])
    return sum(found.values())
