"""<cgroup>/memory.events and <cgroup>/memory.events.local (cgroup v2)

    low 0
    high 0
    max 35
    oom 1
    oom_kill 1
    oom_group_kill 0

`oom` rises where the limit was hit, `oom_kill` where the victim was; memory.events sums both up
over the subtree, memory.events.local does not. `oom_group_kill` is there since Linux 5.17
(b6bf9abb0aa4).

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.cgroup import MemoryEvents
from agent.parse.digits import keyed_number

# Today's order in one match: this file is read for every container, every second.
_IN_ORDER = re.compile(
    rb"low ([0-9]{1,20})\nhigh ([0-9]{1,20})\nmax ([0-9]{1,20})\n"
    rb"oom ([0-9]{1,20})\noom_kill ([0-9]{1,20})\noom_group_kill ([0-9]{1,20})\n"
)
_KEYS = frozenset((b"low", b"high", b"max", b"oom", b"oom_kill", b"oom_group_kill"))


def parse_memory_events(data: bytes) -> MemoryEvents:
    """The counters since the cgroup was made; lines with other keys are skipped.

    ParseError without `oom` or `oom_kill`; any other counter that is missing is None.
    """
    match = _IN_ORDER.match(data)
    if match is None:
        return _by_key(data)
    low, high, max_, oom, oom_kill, oom_group_kill = match.groups()
    return MemoryEvents(
        low=int(low),
        high=int(high),
        max=int(max_),
        oom=int(oom),
        oom_kill=int(oom_kill),
        oom_group_kill=int(oom_group_kill),
    )


def _by_key(data: bytes) -> MemoryEvents:
    found: dict[bytes, int] = {}
    for line in data.split(b"\n"):
        key = line.partition(b" ")[0]
        if key in _KEYS:
            found[key] = keyed_number(line, "memory.events")
    if b"oom" not in found or b"oom_kill" not in found:
        raise ParseError("memory.events: the lines 'oom' and 'oom_kill'", data)
    return MemoryEvents(
        low=found.get(b"low"),
        high=found.get(b"high"),
        max=found.get(b"max"),
        oom=found[b"oom"],
        oom_kill=found[b"oom_kill"],
        oom_group_kill=found.get(b"oom_group_kill"),
    )
