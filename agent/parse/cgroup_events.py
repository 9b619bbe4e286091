"""<cgroup>/cgroup.events (cgroup v2)

    populated 1
    frozen 0

`populated` covers the subtree. `frozen` is there since Linux 5.2 (76f969e8948d).

https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.absence import ParseError


class CgroupEvents(Struct, frozen=True, kw_only=True):
    populated: bool  # a process lives in the cgroup or below it
    frozen: bool | None  # None: this kernel does not tell


def parse_cgroup_events(data: bytes) -> CgroupEvents:
    """The two flags; ParseError without `populated`."""
    populated: bool | None = None
    frozen: bool | None = None
    for line in data.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"populated":
            populated = _flag(value, line)
        elif key == b"frozen":
            frozen = _flag(value, line)
    if populated is None:
        raise ParseError("cgroup.events: a line 'populated'", data)
    return CgroupEvents(populated=populated, frozen=frozen)


def _flag(value: bytes, line: bytes) -> bool:
    if value not in (b"0", b"1"):
        raise ParseError("cgroup.events: 0 or 1", line)
    return value == b"1"
