"""<cgroup>/memory.max (cgroup v2) and <cgroup>/memory.limit_in_bytes (cgroup v1): one value

    33554432
    max                     v2: no limit
    9223372036854771712     v1: no limit

v1 has no word for "no limit": it prints PAGE_COUNTER_MAX in bytes, LONG_MAX rounded down to a
page, so the last digits depend on the page size (9223372036854710272 with pages of 64 KiB).

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

from agent.model.cgroup import Limit
from agent.parse.digits import number

UNLIMITED_FROM_BYTES = 2**63 - 65536  # PAGE_COUNTER_MAX of the largest pages, 64 KiB


def parse_memory_max(data: bytes) -> int | Limit:
    """The limit in bytes, or Limit.UNLIMITED for "max"."""
    value = data.removesuffix(b"\n")
    if value == b"max":
        return Limit.UNLIMITED
    return number(value, "memory.max: 'max' or bytes")


def parse_limit_in_bytes(data: bytes) -> int | Limit:
    """The limit in bytes, or Limit.UNLIMITED for PAGE_COUNTER_MAX, whatever the page size."""
    limit = number(data.removesuffix(b"\n"), "memory.limit_in_bytes")
    return Limit.UNLIMITED if limit >= UNLIMITED_FROM_BYTES else limit
