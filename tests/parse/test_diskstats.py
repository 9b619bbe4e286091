"""agent.parse.diskstats and agent.parse.proc_switches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.disks import OpCounters
from agent.parse.diskstats import parse_diskstats
from agent.parse.proc_switches import parse_switches

TEXT = b"""\
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 872 1 84104 1039 12 3 96 40 2 2032 1079 5 0 800 6 4 21
 253       0 dm-0 8 0 64 0 3 0 24 0 0 0 0
"""
NUMBERS = st.lists(st.integers(0, 2**64 - 1), min_size=17, max_size=20)


def test_devices() -> None:
    """All counters; of an older kernel discards and flushes are not known."""
    loop, vda, dm = parse_diskstats(TEXT)
    assert (loop.id, loop.ended, loop.in_flight) == ("7:0", 0, 0)
    assert (vda.id, vda.name) == ("254:0", "vda")
    assert vda.reads == OpCounters(count=872, bytes=84104 * 512, milliseconds=1039)
    assert vda.writes == OpCounters(count=12, bytes=96 * 512, milliseconds=40)
    assert vda.discards == OpCounters(count=5, bytes=800 * 512, milliseconds=6)
    assert vda.flushes == OpCounters(count=4, bytes=0, milliseconds=21)
    assert (vda.in_flight, vda.busy_ms, vda.weighted_ms, vda.ended) == (2, 2032, 1079, 893)
    assert (dm.discards, dm.flushes, dm.ended) == (None, None, 11)
    assert parse_diskstats(b"") == ()


@given(NUMBERS)
def test_positions(numbers: list[int]) -> None:
    """Each number lands where it belongs; further fields are skipped."""
    line = b"8 16 sdb " + " ".join(map(str, numbers)).encode()
    (disk,) = parse_diskstats(line)
    assert (disk.reads.count, disk.reads.milliseconds) == (numbers[0], numbers[3])
    assert (disk.writes.count, disk.writes.milliseconds) == (numbers[4], numbers[7])
    assert (disk.in_flight, disk.busy_ms, disk.weighted_ms) == tuple(numbers[8:11])
    assert disk.flushes is not None
    assert (disk.flushes.count, disk.flushes.milliseconds) == (numbers[15], numbers[16])


@pytest.mark.parametrize(
    "line", [b"8 0 sda 1 2 3", b"8 0 sda a" + b" 1" * 10, b"x 0 sda" + b" 1" * 11]
)
def test_others(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_diskstats(line)


@given(voluntary=st.integers(0, 2**63), forced=st.integers(0, 2**63))
def test_switches(voluntary: int, forced: int) -> None:
    """Their sum, wherever they stand."""
    text = f"Name:\ta\nvoluntary_ctxt_switches:\t{voluntary}\n"
    text += f"nonvoluntary_ctxt_switches:\t{forced}\n"
    assert parse_switches(text.encode()) == voluntary + forced
    with pytest.raises(ParseError):
        parse_switches(text.encode().replace(b"nonvoluntary", b"other"))
