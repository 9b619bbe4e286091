"""The flight recorder: what is new in a ring that is read again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from agent.host.trace_instance import TraceInstance
from agent.model.evidence import TraceSeen
from agent.model.lineage import Forked, Marked, Moved
from agent.observe.recorder import LATE_US, Recorder
from agent.observe.victims import Victims
from agent.parse.trace_stats import TraceStats

HEAD = b"# tracer: nop\n#\n"


def fork(second: int, parent: int, child: int) -> bytes:
    return (
        b"              sh-%d    [001] .....   %d.000000: task_newtask: pid=%d comm=sh"
        b" clone_flags=1200000 oom_score_adj=0\n" % (parent, second, child)
    )


def mark(second: int, pid: int) -> bytes:
    return b"            work-%d     [000] ...1.   %d.000000: mark_victim: pid=%d\n" % (
        pid,
        second,
        pid,
    )


def move(second: int, pid: int) -> bytes:
    return (
        b"              sh-9    [001] dN.1.   %d.000000: cgroup_attach_task: dst_root=0 dst_id=7"
        b" dst_level=2 dst_path=/kubepods/a pid=%d comm=sh\n" % (second, pid)
    )


class FakeInstance:
    """A ring as text, in pieces of `step` bytes."""

    buffer_bytes = 1 << 20

    def __init__(self, text: bytes, step: int = 37) -> None:
        self.text = text
        self.step = step
        self.cpus: list[tuple[int, int | None]] = [(0, 10)]  # (overrun, oldest, s)

    def read_trace(self) -> Iterator[bytes]:
        for start in range(0, len(self.text), self.step):
            yield self.text[start : start + self.step]

    def stats(self) -> tuple[TraceStats, ...]:
        return tuple(
            TraceStats(
                entries=1 if oldest is not None else 0,
                overrun=overrun,
                commit_overrun=0,
                dropped=0,
                read=0,
                bytes=1,
                oldest_us=None if oldest is None else oldest * 1_000_000,
                now_us=None,
            )
            for overrun, oldest in self.cpus
        )


def recorder(instance: FakeInstance) -> Recorder:
    victims = Victims(page_bytes=4096, path_of=lambda inode: None)
    return Recorder(cast(TraceInstance, instance), victims, forks=True)


def test_reads_all_then_what_is_new() -> None:
    """Forks, moves and marks; victims the first time only; what is old is not told again."""
    instance = FakeInstance(HEAD + fork(9, 1, 5) + move(10, 5) + mark(12, 5))
    ours = recorder(instance)
    first = list(ours.read())
    assert first[:3] == [
        Forked(9_000_000, 1, 5, thread=False, elsewhere=False),
        Moved(10_000_000, 5, 7, "/kubepods/a"),
        Marked(12_000_000, 5),
    ]
    assert isinstance(first[3], TraceSeen)
    assert first[3].victim.pid == 5
    instance.text += fork(20, 1, 6) + mark(21, 6)
    assert list(ours.read()) == [
        Marked(12_000_000, 5),  # just within what may come late
        Forked(20_000_000, 1, 6, thread=False, elsewhere=False),
        Marked(21_000_000, 6),
    ]
    assert ours.heard_us == 21_000_000
    assert ours.unreadable == 0


def test_size_of_the_pieces_does_not_matter() -> None:
    """Lines are cut anywhere, and skipped in pieces that are old as a whole."""
    text = HEAD + b"".join(fork(second, 1, second) for second in range(10, 40))
    for step in (1, 64, 4096):
        instance = FakeInstance(text, step)
        ours = recorder(instance)
        assert len(list(ours.read())) == 30
        instance.text = text + fork(50, 1, 50)
        again = [event.timestamp_us for event in ours.read() if not isinstance(event, TraceSeen)]
        assert again == [t for t in again if t >= 39_000_000 - LATE_US]
        assert again[-1] == 50_000_000


def test_what_cannot_be_read_is_counted() -> None:
    """A line of an unknown form does not hide those behind it."""
    bad = fork(10, 1, 5).replace(b"clone_flags", b"flags")
    ours = recorder(FakeInstance(bad + fork(11, 1, 6)))
    assert len(list(ours.read())) == 1
    assert ours.unreadable == 1


def test_how_far_back_it_reaches() -> None:
    """Until something is overwritten it holds all; then the CPU that forgets most decides."""
    instance = FakeInstance(b"")
    instance.cpus = [(0, 10), (0, 30), (0, None)]
    ours = recorder(instance)
    assert (ours.oldest_us, ours.overwrites) == (10_000_000, False)
    instance.cpus = [(5, 40), (0, 30), (9, 60)]
    ours.look()
    assert (ours.oldest_us, ours.overwrites) == (60_000_000, True)
    instance.cpus = [(0, None)]
    ours.look()
    assert (ours.oldest_us, ours.overwrites) == (None, False)
