"""agent.parse.flat_keyed, memory_stat, cpu_stat, cpu_max, io_stat, pids_max and pressure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.model.absence import ParseError
from agent.model.cgroup import Limit
from agent.model.usage import CPUUse, DeviceIO
from agent.parse.cpu_max import parse_cpu_max
from agent.parse.cpu_stat import parse_cpu_stat
from agent.parse.flat_keyed import FlatKeyed
from agent.parse.io_stat import parse_io_stat
from agent.parse.memory_stat import MemoryStat, parse_memory_stat, parse_memory_stat_v1
from agent.parse.pids_max import parse_pids_max
from agent.parse.pressure import parse_pressure

# Linux 6.1, system.slice of a guest of the lab; the lines beyond the last wanted one are cut.
MEMORY_STAT = b"""\
anon 20410368
file 77930496
kernel 1515520
kernel_stack 147456
pagetables 552960
sec_pagetables 0
percpu 28544
sock 0
vmalloc 0
shmem 6938624
zswap 0
zswapped 0
file_mapped 34054144
file_dirty 0
file_writeback 0
swapcached 0
anon_thp 14680064
file_thp 0
shmem_thp 0
inactive_anon 23719936
active_anon 3596288
inactive_file 69779456
active_file 1212416
unevictable 0
slab_reclaimable 320680
slab_unreclaimable 305840
slab 626520
workingset_refault_anon 0
workingset_refault_file 12
workingset_activate_anon 0
pgscan 0
"""
MEMORY_STAT_V1 = (
    b"cache 1\nrss 2\nhierarchical_memory_limit 9\ntotal_cache 70\ntotal_rss 80\n"
    b"total_shmem 7\ntotal_swap 4\ntotal_inactive_file 60\n"
)
CPU_STAT = (
    b"usage_usec 752197\nuser_usec 550178\nsystem_usec 202018\nnr_periods 54\nnr_throttled 53\n"
    b"throttled_usec 9435792\nnr_bursts 0\nburst_usec 0\n"
)
CPU_STAT_BARE = b"usage_usec 9\nuser_usec 5\nsystem_usec 4\n"
IO_STAT = (
    b"254:0 rbytes=21024768 wbytes=0 rios=333 wios=0 dbytes=0 dios=0\n"
    b"8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=7\n7:0 \n"
)
PRESSURE = (
    b"some avg10=9.90 avg60=2.03 avg300=0.43 total=1548308\n"
    b"full avg10=5.49 avg60=1.14 avg300=0.24 total=898494\n"
)


def test_memory_stat() -> None:
    """The figures of Linux 6.1; an older kernel has fewer lines, and they are None, not zero."""
    wanted = MemoryStat(20410368, 77930496, 69779456, 1515520, 6938624, 12)
    assert parse_memory_stat(MEMORY_STAT) == wanted
    assert parse_memory_stat(MEMORY_STAT) == wanted
    older = b"anon 1\nfile 2\nkernel_stack 3\nshmem 4\ninactive_file 5\n"
    assert parse_memory_stat(older) == MemoryStat(1, 2, 5, None, 4, None)
    assert parse_memory_stat(MEMORY_STAT) == wanted
    assert parse_memory_stat_v1(MEMORY_STAT_V1) == MemoryStat(80, 70, 60, None, 7, None, 4)


def test_layout_is_learned_anew() -> None:
    """Lines that come, go or change places between two files move no number to another key."""
    keyed = FlatKeyed("file", ("a",), ("b",))
    for data, numbers in (
        (b"a 1\n", [1, None]),
        (b"a 1\nb 2\n", [1, 2]),
        (b"a 3\nb 4\nc 5\n", [3, 4]),
        (b"b 1\na 2\n", [2, 1]),
        (b"c 1\nb 2\na 3\n", [3, 2]),
        (b"a 7\nc 1\n", [7, None]),
        (b"a 1\nb 2\n", [1, 2]),
    ):
        assert keyed.numbers(data) == numbers


def test_cpu_stat() -> None:
    """With the cpu controller and without, one after the other in any order."""
    full = CPUUse(
        usage_us=752197,
        user_us=550178,
        system_us=202018,
        periods=54,
        throttled_periods=53,
        throttled_us=9435792,
    )
    bare = CPUUse(usage_us=9, user_us=5, system_us=4)
    assert [parse_cpu_stat(d) for d in (CPU_STAT, CPU_STAT_BARE, CPU_STAT)] == [full, bare, full]


def test_io_stat() -> None:
    """Devices by number; one without counts is left out."""
    assert parse_io_stat(IO_STAT) == {
        "254:0": DeviceIO(read_bytes=21024768, written_bytes=0, reads=333, writes=0),
        "8:16": DeviceIO(read_bytes=1, written_bytes=2, reads=3, writes=4),
    }
    assert parse_io_stat(b"") == {}


def test_pressure() -> None:
    """Both lines; cpu has no `full` before Linux 5.13."""
    some, _, _ = PRESSURE.partition(b"full")
    both = parse_pressure(PRESSURE)
    assert (both.some_us, both.some_avg10) == (1548308, 9.90)
    assert (both.full_us, both.full_avg10) == (898494, 5.49)
    alone = parse_pressure(some)
    assert (alone.some_us, alone.some_avg10, alone.full_us) == (1548308, 9.90, None)
    assert parse_pressure(b"new avg1=0\n" + PRESSURE) == parse_pressure(PRESSURE)


def test_limits() -> None:
    """`max` is a value of its own."""
    assert parse_cpu_max(b"50000 100000\n") == (50000, 100000)
    assert parse_cpu_max(b"max 100000\n") == (None, 100000)
    assert (parse_pids_max(b"max\n"), parse_pids_max(b"4915\n")) == (Limit.UNLIMITED, 4915)


@pytest.mark.parametrize(
    ("parse", "data"),
    [
        (parse_memory_stat, b""),
        (parse_memory_stat, b"anon 1\nfile 2\n"),
        (parse_memory_stat, b"anon 1\nfile x\ninactive_file 3\n"),
        (parse_memory_stat, b"anon 1\nfile -2\ninactive_file 3\n"),
        (parse_memory_stat, MEMORY_STAT.replace(b"77930496", b"7_7")),
        (parse_memory_stat, b"anon 1\nfile 2\ninactive_file\n"),
        (parse_memory_stat_v1, MEMORY_STAT),
        (parse_cpu_stat, b"usage_usec 1\n"),
        (parse_cpu_max, b"max\n"),
        (parse_cpu_max, b"1 max\n"),
        (parse_io_stat, b"sda rbytes=1\n"),
        (parse_io_stat, b"8:0 rbytes=x\n"),
        (parse_pids_max, b"many\n"),
        (parse_pressure, b"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
        (parse_pressure, PRESSURE.replace(b"9.90", b"nan.0")),
        (parse_pressure, PRESSURE.replace(b"total", b"sum")),
    ],
)
def test_what_does_not_parse(parse: Callable[[bytes], object], data: bytes) -> None:
    """A known line in another form is an error, never a zero."""
    with pytest.raises(ParseError):
        parse(data)
