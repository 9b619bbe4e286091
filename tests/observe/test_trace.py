"""From trace_pipe to evidence."""

from __future__ import annotations

from typing import cast

import pytest

from agent.host.proc import ProcReader
from agent.host.trace_instance import TraceInstance
from agent.model.evidence import Observation, SourceLost, TraceSeen
from agent.observe.trace import TraceWatcher
from agent.observe.victims import Victims
from tests.observe.fakes import FakeClock, FakeProc

EVENT = b"            work-829     [000] ...1.     7.311843: mark_victim: pid=829\n"
OTHER = b"            work-829     [000] ...1.     7.311850: cgroup_rmdir: root=0 id=1\n"
CALLED = EVENT.replace(
    b"mark_victim: pid=829", b"oom_call_1f2e3d4c: (out_of_memory+0x0/0x4c0) memcg=0x0 max=0 i0=0"
)
KILLED = EVENT.replace(
    b"mark_victim: pid=829",
    b"oom_kill_1f2e3d4c: (__oom_kill_process+0x0/0x440) pid=829 tgid=829 start=7000000000"
    b" i0=727 n0={0x3163,0xa5} i1=1",
)
LOST = b"CPU:0 [LOST 5 EVENTS]\n"


class FakeInstance:
    buffer_bytes = 65536

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.overruns = 3  # from before we came

    def lost(self) -> int:
        return self.overruns

    def read(self) -> bytes | None:
        return self.reads.pop(0) if self.reads else None


class Bench:
    def __init__(self) -> None:
        self.instance, self.proc, self.clock = FakeInstance(), FakeProc(), FakeClock(8 * 10**9)
        self.victims = Victims(page_bytes=4096, path_of=lambda inode: None)
        self.watcher = TraceWatcher(
            cast(TraceInstance, self.instance),
            cast(ProcReader, self.proc),
            self.clock,
            self.victims,
        )

    def hear(self, *reads: bytes) -> list[Observation]:
        self.instance.reads.extend(reads)
        seen: list[Observation] = []
        more = True
        while more:
            found, more = self.watcher.observe()
            seen.extend(found)
        return seen


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("reads", "pids"),
    [
        ([EVENT], [829]),
        ([EVENT + OTHER + EVENT], [829, 829]),
        ([EVENT[:20], EVENT[20:]], [829]),
        ([EVENT[:-1]], []),
        ([EVENT[:-1], b"\n"], [829]),
        ([EVENT + EVENT[:9], EVENT[9:] + OTHER], [829, 829]),
        ([], []),
    ],
)
def test_lines_over_reads(bench: Bench, reads: list[bytes], pids: list[int]) -> None:
    """A line counts when its end is read, however the reads cut it."""
    seen = bench.hear(*reads)
    assert [s.victim.pid for s in seen if isinstance(s, TraceSeen)] == pids
    assert (len(seen), bench.watcher.records) == (len(pids), len(pids))


@pytest.mark.parametrize(("now_s", "captured"), [(8, True), (18, False)])
def test_capture(bench: Bench, now_s: int, captured: bool) -> None:
    """A victim of now is looked up in /proc; one of an adopted ring's past is not."""
    bench.clock.now_ns = now_s * 10**9
    (seen,) = bench.hear(EVENT)
    assert isinstance(seen, TraceSeen)
    assert seen.boottime_ns == 7_311_843_000
    assert (seen.capture is not None) == captured
    assert bench.proc.asked == ([(829, 7_311_843_000)] if captured else [])


def test_unreadable_line_is_a_loss(bench: Bench) -> None:
    """A mark_victim whose columns are unknown is told as lost."""
    (seen,) = bench.hear(b"work-1 [000] ?: mark_victim: pid=1\n")
    assert isinstance(seen, SourceLost)
    assert seen.lost == 1


@pytest.mark.parametrize(
    "story",
    ["line", "counter", "line counter", "counter line", "counter counter line", "line line"],
)
def test_an_overrun_is_told_once(bench: Bench, story: str) -> None:
    """The line in the pipe and the ring's counter tell of the same events, in either order."""
    told = 0
    bench.instance.overruns += 5 * max(1, story.count("line"))
    for word in story.split():
        seen = bench.hear(LOST) if word == "line" else bench.watcher.tick()
        told += sum(s.lost or 0 for s in seen if isinstance(s, SourceLost))
    assert told == 5 * max(1, story.count("line"))
    assert bench.watcher.tick() == []


def test_probes_of_a_victim(bench: Bench) -> None:
    """What the probes told before comes with the victim; not if events between are lost."""
    for lost, cgroups in ((b"", ["/c1"]), (LOST, [])):
        seen = bench.hear(CALLED, KILLED + lost, EVENT)
        probes = [found.probe for found in seen if isinstance(found, TraceSeen)]
        assert [found.cgroup for found in probes if found is not None] == cgroups
        assert len(probes) == 1


def test_unreadable_probe_is_a_loss(bench: Bench) -> None:
    """A probe in a form that we do not know is told as lost, and the victim is seen."""
    lost, seen = bench.hear(KILLED.replace(b" start=", b" begin="), EVENT)
    assert isinstance(lost, SourceLost)
    assert isinstance(seen, TraceSeen)
    assert seen.probe is None
