"""/proc/vmstat

    nr_free_pages 131476
    oom_kill 3

`oom_kill` counts the kills of the whole node since boot, by cgroup limits and by the node's own
shortage alike; since Linux 4.13 (8e675f7af507). On 6.1 a group kill counts its first victim twice.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number

_KEY = b"oom_kill "


def parse_oom_kill(data: bytes) -> int:
    """The node's count of OOM kills since boot; ParseError if the file has no such line."""
    at = 0 if data.startswith(_KEY) else data.find(b"\n" + _KEY) + 1
    if at == 0 and not data.startswith(_KEY):
        raise ParseError("vmstat: a line 'oom_kill number'", data)
    value, _, _ = data[at + len(_KEY) : at + len(_KEY) + 64].partition(b"\n")
    return number(value, "vmstat: oom_kill")
