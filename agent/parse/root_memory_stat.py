"""memory.stat of the root cgroup: the three figures that the kubelet's memory.available is made of

    anon 33345536                   v2
    file 90472448
    inactive_file 61001728
    total_inactive_file 61001728    v1

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number


def parse_root_memory_stat(data: bytes) -> tuple[int, int, int]:
    """(anon, file, inactive_file) on cgroup v2, bytes; ParseError without one of them."""
    return _value(data, b"anon"), _value(data, b"file"), _value(data, b"inactive_file")


def parse_total_inactive_file(data: bytes) -> int:
    """Of cgroup v1, bytes, with the cgroups below; ParseError without it."""
    return _value(data, b"total_inactive_file")


def _value(data: bytes, key: bytes) -> int:
    start = 0 if data.startswith(key + b" ") else data.find(b"\n" + key + b" ") + 1
    if start == 0 and not data.startswith(key + b" "):
        raise ParseError(f"memory.stat: a line '{key.decode()}'", data)
    start += len(key) + 1
    end = data.find(b"\n", start)
    return number(data[start : end if end >= 0 else None], f"memory.stat: {key.decode()}")
