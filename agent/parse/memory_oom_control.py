"""<cgroup>/memory.oom_control (cgroup v1)

    oom_kill_disable 0
    under_oom 0
    oom_kill 1

`oom_kill` is there since Linux 4.13 (8e675f7af507). It counts this cgroup alone, not its
children, and goes with it.

https://docs.kernel.org/admin-guide/cgroup-v1/memory.html#oom-control
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import keyed_number


def parse_oom_kill(data: bytes) -> int | None:
    """The kills in this cgroup; None if this kernel does not count them.

    ParseError for a file without `under_oom`, which every kernel prints.
    """
    kills: int | None = None
    known = False
    for line in data.split(b"\n"):
        key = line.partition(b" ")[0]
        if key == b"oom_kill":
            kills = keyed_number(line, "memory.oom_control")
        elif key == b"under_oom":
            known = True
    if not known:
        raise ParseError("memory.oom_control: a line 'under_oom'", data)
    return kills
