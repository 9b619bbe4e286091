"""From the records of /dev/kmsg to evidence."""

from __future__ import annotations

from itertools import count, pairwise
from typing import cast

import pytest

from agent.host.kmsg import KmsgOverrun, KmsgReader
from agent.host.proc import ProcReader
from agent.model.evidence import FaultSeen, ForgedSeen, KmsgSeen, Observation, SourceLost
from agent.model.kmsg import OOMGroupKill, OOMInvoked, OOMKilledProcess, OOMUsage
from agent.observe.kmsg import CAPTURE_AGE_NS, OVERLAP_RECORDS, KmsgWatcher
from agent.observe.kmsg_lines import PATIENCE
from tests.observe.fakes import FakeClock, FakeProc
from tests.parse.captured_text import captured_lines
from tests.parse.test_kernel_fault import FAULTS

SECOND = 1_000_000_000
KILLED = (
    "Memory cgroup out of memory: Killed process 829 (work) total-vm:4kB, anon-rss:4kB,"
    " file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:900"
)


class FakeReader:
    def __init__(self) -> None:
        self.records: list[bytes | KmsgOverrun] = []

    def read_batch(self, limit: int) -> list[bytes | KmsgOverrun]:
        batch, self.records = self.records[:limit], self.records[limit:]
        return batch


class Bench:
    def __init__(self, known_through: int = -1) -> None:
        self.reader, self.proc, self.clock = FakeReader(), FakeProc(), FakeClock(100 * SECOND)
        self.watcher = KmsgWatcher(
            cast(KmsgReader, self.reader),
            cast(ProcReader, self.proc),
            self.clock,
            known_through=known_through,
        )

    def hear(self, *records: bytes | KmsgOverrun) -> list[Observation]:
        self.reader.records.extend(records)
        seen, more = self.watcher.observe()
        assert not more
        return seen

    def kill(self, at_ns: int) -> int:
        """The time at which a kill that is stamped with `at_ns` is booked."""
        (seen,) = self.hear(record(1, at_us=at_ns // 1000))
        assert isinstance(seen, KmsgSeen)
        return seen.boottime_ns


@pytest.fixture
def bench() -> Bench:
    return Bench()


def record(
    sequence: int, text: str = KILLED, *, priority: int = 3, at_us: int = 100_000_000
) -> bytes:
    return f"{priority},{sequence},{at_us},-;{text}\n".encode()


def test_captured(bench: Bench) -> None:
    """Of all that a kernel prints at a group kill, the lines that count, in order."""
    bench.clock.now_ns = 73_653_457_000
    seen = bench.hear(*captured_lines("kmsg_group.txt"))
    kinds = [type(s.line) for s in seen if isinstance(s, KmsgSeen)]
    killed = OOMKilledProcess
    assert kinds == [OOMInvoked, OOMUsage, tuple, killed, OOMGroupKill, killed, killed]
    assert [pid for pid, _ in bench.proc.asked] == [1373, 1356, 1373]
    assert (bench.watcher.records, bench.watcher.unparsed) == (40, 0)


def test_faults(bench: Bench) -> None:
    """Lines of failing disks and hung tasks, with the time and the number of their record."""
    bench.clock.now_ns = 100 * SECOND
    seen = bench.hear(
        record(7, "Buffer I/O error on dev dm-0, logical block 8, async page read"),
        record(8, "INFO: task work:434 blocked for more than 122 seconds."),
        b"4,9,100000000,-;nvme nvme1: I/O 12 (I/O Cmd) QID 3 timeout, aborting\n"
        b" SUBSYSTEM=nvme\n DEVICE=c241:1\n",
    )
    assert all(isinstance(each, FaultSeen) for each in seen)
    told = [(s.sequence, s.fault.device, s.fault.pid) for s in seen if isinstance(s, FaultSeen)]
    assert told == [(7, "dm-0", None), (8, "", 434), (9, "nvme1", None)]
    assert {s.boottime_ns for s in seen if isinstance(s, FaultSeen)} == {100 * SECOND}
    (lost,) = bench.hear(record(10, "Buffer I/O error on dev a b"))
    assert isinstance(lost, SourceLost)
    assert bench.watcher.unparsed == 1


def test_forged_faults(bench: Bench) -> None:
    """What user space writes in the kernel's words is no fault, whatever facility it takes."""
    texts = (
        "Buffer I/O error on dev dm-0, logical block 8, async page read",
        "Buffer I/O error on dev a b",
        "INFO: task work:434 blocked for more than 122 seconds.",
        "nvme nvme1: I/O 12 (I/O Cmd) QID 3 timeout, aborting\n SUBSYSTEM=nvme",
    )
    forged = [record(n, text, priority=8 * n + 3) for n, text in enumerate(texts, start=1)]
    assert bench.hear(*forged) == []
    escaped = b"3,5,1,-;nvme nvme1: I/O 12 (I/O Cmd) QID 3 timeout, aborting\\x0a SUBSYSTEM=nvme\n"
    assert bench.hear(escaped) == []


@pytest.mark.parametrize("text", [text for text, *_ in FAULTS])
def test_faults_of_before(text: str) -> None:
    """Kills that are in the books are passed over, and faults among them are not."""
    bench = Bench(known_through=OVERLAP_RECORDS + 100)
    plain = text.replace("\n", "")
    (seen,) = bench.hear(record(1), record(2, plain), record(3, "nothing of ours"))
    assert isinstance(seen, FaultSeen)
    assert seen.sequence == 2


def test_overrun_counts_by_the_jump_of_the_sequence(bench: Bench) -> None:
    """EPIPE says that records are lost, the next record's number says how many: told once."""
    seen = bench.hear(record(7, "x"), KmsgOverrun.OVERTAKEN, record(12, "x"), record(13, "x"))
    assert [(s.source, s.lost) for s in seen if isinstance(s, SourceLost)] == [("kmsg", 4)]
    assert len(seen) == 1


@pytest.mark.parametrize("unread", [b"no record\n", KmsgOverrun.TOO_LONG])
def test_what_cannot_be_read_is_told_once(bench: Bench, unread: bytes | KmsgOverrun) -> None:
    """The next record's number does not tell of it again; it does of what was lost beside it."""
    seen = bench.hear(record(7, "x"), unread, record(9, "x"), unread, record(15, "x"))
    assert [s.lost for s in seen if isinstance(s, SourceLost)] == [1, 1, 4]


def test_where_the_ring_begins_is_no_loss(bench: Bench) -> None:
    """The first record that we read has any number."""
    assert bench.hear(record(4000, "x")) == []


@pytest.mark.parametrize(
    ("data", "lost", "forged", "unparsed"),
    [
        (record(1, KILLED, priority=11), 0, 1, 0),  # LOG_USER
        (record(1, "hello", priority=11), 0, 0, 0),
        (record(1, KILLED[:60], priority=11), 0, 0, 0),
        (record(1, KILLED[:60]), 1, 0, 1),
        (b"no record\n", 1, 0, 1),
        (KmsgOverrun.TOO_LONG, 1, 0, 0),
    ],
)
def test_what_is_not_believed(
    bench: Bench, data: bytes | KmsgOverrun, lost: int, forged: int, unparsed: int
) -> None:
    """Forged is what imitates the OOM killer; lost is what the kernel said and we cannot read."""
    seen = bench.hear(data)
    assert sum(isinstance(s, SourceLost) for s in seen) == lost
    assert sum(isinstance(s, ForgedSeen) for s in seen) == forged
    assert len(seen) == lost + forged
    assert bench.watcher.unparsed == unparsed
    assert bench.proc.asked == []


@pytest.mark.parametrize(("age_ns", "asked"), [(0, 1), (CAPTURE_AGE_NS + SECOND, 0)])
def test_only_recent_victims_are_captured(bench: Bench, age_ns: int, asked: int) -> None:
    """The pid of an old kill may be somebody else's by now."""
    bench.clock.now_ns += age_ns
    bench.hear(record(1))
    assert len(bench.proc.asked) == asked


def test_drift_is_bounded_by_the_quickest_reading(bench: Bench) -> None:
    """Printk's clock is 0.2 s behind: a record that is read at once shows it, a late one is not
    taken for drift.
    """
    bench.hear()
    assert bench.kill(int(99.8 * SECOND)) == 100 * SECOND
    bench.clock.now_ns = 105 * SECOND
    late = bench.kill(int(101.8 * SECOND))
    assert 102 * SECOND <= late <= 102 * SECOND + SECOND // 100


def test_age_is_not_drift(bench: Bench) -> None:
    """What was printed minutes before we came happened then."""
    assert bench.kill(30 * SECOND) == 30 * SECOND


def test_drift_grows_over_weeks(bench: Bench) -> None:
    """20 ppm are 12 s in a week: a victim of now is captured all the same."""
    bench.hear()
    bench.kill(100 * SECOND)
    week_ns = 7 * 86_400 * SECOND
    bench.clock.now_ns += week_ns
    assert bench.kill(bench.clock.now_ns - 12 * SECOND) == bench.clock.now_ns
    assert len(bench.proc.asked) == 2


def test_start_on_a_node_that_is_up_for_weeks(bench: Bench) -> None:
    """The clocks are 50 s apart already, and an old kill is in the ring."""
    bench.kill(20 * SECOND)
    bench.clock.now_ns = 100_000 * SECOND
    assert bench.kill(99_950 * SECOND) == 100_000 * SECOND
    assert len(bench.proc.asked) == 1


def test_the_first_line_is_read_late(bench: Bench) -> None:
    """The agent was stopped for half a minute: that is no drift, and line and trace still meet."""
    bench.hear()
    bench.clock.now_ns = 130 * SECOND
    assert 100 * SECOND <= bench.kill(100 * SECOND) < 102 * SECOND
    assert 100 * SECOND <= bench.kill(101 * SECOND) < 103 * SECOND


def test_after_a_long_suspend(bench: Bench) -> None:
    """Printk's clock stood while the machine slept for an hour: a kill of now is of now."""
    bench.hear()
    bench.kill(100 * SECOND)
    bench.clock.now_ns += 3600 * SECOND
    bench.clock.slept_ns += 3600 * SECOND
    assert bench.kill(101 * SECOND) == 3700 * SECOND
    assert len(bench.proc.asked) == 2


LONG = "/kubepods/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/" + "/".join("n" * 200 for _ in range(3))
SUMMARY = (
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg="
    f"{LONG},task_memcg={LONG},task=work,pid=829,uid=0"
)


def piece(sequence: int, text: str) -> bytes:
    return f"6,{sequence},100000000,c;{text}\n".encode()


def lines(seen: list[Observation]) -> list[type]:
    return [type(s.line) for s in seen if isinstance(s, KmsgSeen)]


@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("at", [(700,), (100, 101, 900), (750, 1400)])
def test_a_line_in_pieces(bench: Bench, at: tuple[int, ...], others: int) -> None:
    """What the kernel had to spread over several records is one line, records of other CPUs
    between its pieces or not.
    """
    ends = (0, *at, len(SUMMARY))
    texts = [SUMMARY[a:b] for a, b in pairwise(ends)]
    seen = bench.hear(record(1, texts[0], priority=6))
    number = 2
    for text in texts[1:]:
        for _ in range(others):
            seen += bench.hear(record(number, "usb 1-1: new device", priority=6))
            number += 1
        seen += bench.hear(piece(number, text))
        number += 1
    assert seen == []
    seen = bench.hear(record(number))
    assert lines(seen) == [tuple, OOMKilledProcess]
    (summary, _) = (s.line for s in seen if isinstance(s, KmsgSeen))
    assert isinstance(summary, tuple)
    assert [(reading.task_memcg, reading.pid) for reading in summary] == [(LONG, 829)]


def test_a_piece_is_no_line(bench: Bench) -> None:
    """A piece may begin with a cgroup's name, and that may imitate anything."""
    assert bench.hear(piece(1, KILLED), piece(2, SUMMARY), record(3, "x")) == []
    seen = bench.hear(record(4, SUMMARY[:700], priority=6), piece(5, KILLED), record(6))
    assert lines(seen) == [OOMKilledProcess]
    assert [s.lost for s in seen if isinstance(s, SourceLost)] == [1]


def test_what_the_kernel_has_cut_is_not_believed(bench: Bench) -> None:
    """A path of more than a record is cut without a word: what is left names another cgroup."""
    head = SUMMARY.partition(",task_memcg=")[0]
    seen = bench.hear(
        record(1, head, priority=6),
        piece(2, ",task_memcg="),
        piece(3, (LONG + "/m" * 500)[:976]),
        piece(4, ",task=work,pid=829,uid=0"),
        record(5),
    )
    assert lines(seen) == [OOMKilledProcess]
    (gap,) = (s for s in seen if isinstance(s, SourceLost))
    assert "cut a line that was too long" in gap.detail


def test_the_last_line_is_told_at_the_tick(bench: Bench) -> None:
    """Nothing follows that would tell that it is whole; and what is not whole is lost then."""
    assert bench.hear(record(1, SUMMARY[-100:], priority=6)) == []
    whole = "Tasks in /kubepods/pod1 are going to be killed due to memory.oom.group set"
    assert bench.hear(record(2, whole, priority=6)) == []
    assert lines(bench.watcher.tick()) == [OOMGroupKill]
    assert bench.watcher.tick() == []
    assert bench.hear(record(3, SUMMARY[:500], priority=6)) == []
    assert [type(s) for s in bench.watcher.tick()] == [SourceLost]


def test_each_line_has_all_the_patience(bench: Bench) -> None:
    """What came behind a line that was given up at a tick is not held against the next one."""
    numbers = count(1)

    def others() -> list[Observation]:
        new = "usb 1-1: new device"
        return bench.hear(*(record(next(numbers), new, priority=6) for _ in range(PATIENCE - 1)))

    assert bench.hear(record(next(numbers), SUMMARY[:500], priority=6)) == []
    assert others() == []
    assert [type(s) for s in bench.watcher.tick()] == [SourceLost]
    assert bench.hear(record(next(numbers), SUMMARY[:500], priority=6)) == []
    assert others() == []
    assert bench.hear(piece(next(numbers), SUMMARY[500:])) == []
    assert lines(bench.watcher.tick()) == [tuple]


def test_what_is_known_is_passed_over() -> None:
    """Of the ring only what follows the last kill in the books, and some records before it."""
    known = 2 * OVERLAP_RECORDS
    first = known - OVERLAP_RECORDS + 1
    bench = Bench(known)
    seen = bench.hear(*(record(number) for number in range(first - 100, first + 2)))
    assert [item.sequence for item in seen if isinstance(item, KmsgSeen)] == [first, first + 1]
    assert len(seen) == 2
    assert bench.watcher.records == 102


def test_a_gap_behind_what_is_known() -> None:
    """The ring went round while it was read: told as ever. So is what is no record."""
    known = 2 * OVERLAP_RECORDS
    bench = Bench(known)
    (gap, kill) = bench.hear(record(5), record(known + 3))
    assert isinstance(gap, SourceLost)
    assert isinstance(kill, KmsgSeen)
    assert gap.lost == known + 3 - 6
    bench = Bench(known)
    (unreadable,) = bench.hear(record(5), b"no record")
    assert isinstance(unreadable, SourceLost)
