"""<cgroup>/memory.stat: what the memory of a cgroup and of all below it is

    anon 33345536                   v2; one line in three
    file 90472448
    kernel 208896                   since Linux 5.18
    shmem 0
    inactive_file 61001728
    workingset_refault_file 12      since Linux 5.9
    total_cache 90472448            v1
    total_rss 33345536
    total_inactive_file 61001728

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

from typing import NamedTuple

from agent.parse.flat_keyed import FlatKeyed


class MemoryStat(NamedTuple):
    """Bytes, but `refaults`, which are pages. None: this kernel has no such line."""

    anon: int
    file: int
    inactive_file: int
    kernel: int | None
    shmem: int | None
    refaults: int | None  # of file pages
    swap: int | None = None  # v2 has a file of its own for that


_V2 = FlatKeyed(
    "memory.stat",
    ("anon", "file", "inactive_file"),
    ("kernel", "shmem", "workingset_refault_file"),
)
_V1 = FlatKeyed(
    "memory.stat of cgroup v1",
    ("total_rss", "total_cache", "total_inactive_file"),
    ("total_shmem", "total_workingset_refault_file", "total_swap"),
)


def parse_memory_stat(data: bytes) -> MemoryStat:
    """Of cgroup v2; ParseError without anon, file or inactive_file."""
    return MemoryStat(*_V2.numbers(data))


def parse_memory_stat_v1(data: bytes) -> MemoryStat:
    """Of cgroup v1, with the cgroups below; ParseError without the lines that v2 requires too."""
    anon, file, inactive_file, shmem, refaults, swap = _V1.numbers(data)
    return MemoryStat(anon, file, inactive_file, None, shmem, refaults, swap)
