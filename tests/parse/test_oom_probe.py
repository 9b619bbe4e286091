"""agent.parse.oom_probe"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.probe import ProbedCall, ProbedCgroup, ProbedKill
from agent.parse.names import printable
from agent.parse.oom_probe import parse_probe
from agent.parse.trace_event import TraceEvent, parse_event

PAGE = 4096
UNLIMITED = ((1 << 63) - 1) // PAGE
ROOT = (1, b"")
Levels = list[tuple[int, bytes | None]]


def words(name: bytes, garbage: bytes = b"\xa5" * 96) -> bytes:
    """What the kernel prints of a name and of the memory behind it."""
    memory = (name + b"\0" + garbage)[:96]
    return b"{%b}" % b",".join(b"0x%x" % word for word in struct.unpack("=12Q", memory))


def levels(*cgroups: tuple[int, bytes | None]) -> bytes:
    return b"".join(
        b" i%d=%d" % (level, inode) + (b"" if name is None else b" n%d=" % level + words(name))
        for level, (inode, name) in enumerate(cgroups)
    )


def call(
    *cgroups: tuple[int, bytes | None], memcg: int = 0xFFFF8880063A1000, pages: int = 1
) -> TraceEvent:
    payload = b"(out_of_memory+0x0/0x4c0) memcg=0x%x max=%d" % (memcg, pages) + levels(*cgroups)
    return TraceEvent(184, 20_071_121, b"oom_call_0123abcd", payload)


def kill(*cgroups: tuple[int, bytes | None], pid: int = 184) -> TraceEvent:
    head = b"(__oom_kill_process+0x0/0x440) pid=%d tgid=184 start=19825563512" % pid
    return TraceEvent(184, 20_075_953, b"oom_kill_0123abcd", head + levels(*cgroups))


def probed(*cgroups: tuple[int, str | None]) -> ProbedCgroup:
    return ProbedCgroup(
        inodes=tuple(inode for inode, _ in cgroups), names=tuple(name for _, name in cgroups)
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(7, b"c1"), (5, b"pod"), ROOT], [(7, "c1"), (5, "pod"), (1, "")]),
        # Above the root is what the ring held before.
        ([(7, b"c1"), ROOT, (99, b"old"), (98, None)], [(7, "c1"), (1, "")]),
        ([ROOT], [(1, "")]),
        # The root of an older kernel has a generation in its id.
        ([(7, b"c1"), (1 << 32 | 1, None)], [(7, "c1"), (1 << 32 | 1, "")]),
        ([(7, b"c1"), (5, None), (1, None), (44, None)], [(7, "c1"), (5, None), (1, "")]),
        ([(7, b"c" * 95), (5, b"c" * 96)], [(7, "c" * 95), (5, None)]),
        ([(7, b'c"\n,task_memcg=/\xff\\')], [(7, 'c"\\x0a,task_memcg=/\\xff\\')]),
    ],
)
def test_levels(found: Levels, expected: list[tuple[int, str | None]]) -> None:
    """Names end at their NUL, the list at the root; a name that does not end is not told."""
    assert parse_probe(kill(*found), PAGE) == ProbedKill(
        timestamp_us=20_075_953,
        pid=184,
        tgid=184,
        start_boottime_ns=19_825_563_512,
        cgroup=probed(*expected),
    )


@pytest.mark.parametrize(
    ("memcg", "pages", "cgroup", "limit"),
    [
        (1, 4096, probed((7, "c1"), (1, "")), 16 << 20),
        (1, 0, probed((7, "c1"), (1, "")), 0),
        (1, UNLIMITED, probed((7, "c1"), (1, "")), None),
        (0, 4096, None, None),
    ],
)
def test_call(memcg: int, pages: int, cgroup: ProbedCgroup | None, limit: int | None) -> None:
    """The limit is in bytes; without a memory cgroup nothing else of the event means anything."""
    assert parse_probe(call((7, b"c1"), ROOT, memcg=memcg, pages=pages), PAGE) == ProbedCall(
        timestamp_us=20_071_121, memcg=cgroup, limit_bytes=limit
    )


@given(name=st.binary(max_size=95).filter(lambda name: b"\0" not in name), rest=st.binary())
def test_any_name(name: bytes, rest: bytes) -> None:
    """Whatever a cgroup is called, and whatever stands behind it in memory: that is its name."""
    payload = b"(f) pid=1 tgid=1 start=1 i0=7 n0=%b i1=1" % words(name, rest.ljust(96, b"\x01"))
    event = TraceEvent(1, 1, b"oom_kill_0123abcd", payload)
    found = parse_probe(event, PAGE)
    assert isinstance(found, ProbedKill)
    assert found.cgroup.names[0] == printable(name)


@pytest.mark.parametrize("name", [b"mark_victim", b"oom_kill", b"x_oom_kill_01", b"oom_call"])
def test_other_events(name: bytes) -> None:
    """Other events are not ours, whatever they say."""
    assert parse_probe(kill(ROOT)._replace(name=name), PAGE) is None


@pytest.mark.parametrize(
    "event",
    [
        kill(),
        call(),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 i0=1"),
        call(ROOT)._replace(payload=b"(f) memcg=0x1 max=-1 i0=1"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i1=7"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i0=7 n1={0x1}"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i0=7 n0={(fault)}"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i0=7 n0={0xaaaaaaaaaaaaaaaa,}"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i0=7 n0={0x1ffffffffffffffff}"),
        kill(ROOT)._replace(payload=b"(f) pid=1 tgid=1 start=1 i0=7 later=7"),
    ],
)
def test_unknown_form(event: TraceEvent) -> None:
    """An event of ours in any other form is an error."""
    with pytest.raises(ParseError):
        parse_probe(event, PAGE)


def test_a_line() -> None:
    """The line of the kernel, columns and all."""
    line = b"         python3-184     [000] .....    20.075953: oom_kill_0123abcd: "
    event = parse_event(line + kill((7, b"c1"), ROOT).payload)
    assert event == kill((7, b"c1"), ROOT)
