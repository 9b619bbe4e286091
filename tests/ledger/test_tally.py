"""The arithmetic of the books; and that whatever the kernel does, and whatever is lost of it, the
books of the whole ledger balance.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ledger.checkpoint import Checkpoint
from agent.ledger.tally import Tally
from agent.model.evidence import KmsgState
from agent.model.oom import OOMIncident
from tests.ledger.kernel import CONTAINER, OTHER, POD, SECOND, SETTLE, Kernel, captured, probed


@pytest.mark.parametrize(
    ("readings", "victims", "now_ns", "overdue"),
    [
        ([(3, 0)], 0, SETTLE - 1, 0),
        ([(3, 0)], 0, SETTLE, 3),
        ([(3, 0)], 2, SETTLE, 1),
        ([(3, 0), (5, SECOND)], 0, SETTLE, 3),
        ([(3, 0), (5, SECOND)], 0, SETTLE + SECOND, 5),
        ([(3, 0), (None, SECOND)], 0, SETTLE, 3),
        ([(3, 0)], 9, SETTLE, 0),
    ],
)
def test_overdue(
    readings: list[tuple[int | None, int]], victims: int, now_ns: int, overdue: int
) -> None:
    """Each count has `settle` from its own reading on to be explained."""
    tally = Tally(settle_ns=SETTLE)
    for oom_kill, at_ns in readings:
        tally.read(oom_kill, at_ns)
    tally.victims = victims
    assert tally.overdue(now_ns) == overdue


@pytest.mark.parametrize(
    ("counted", "explained", "covers", "deficit"),
    [(None, 0, True, 0), (None, 5, True, 0), (1, 0, True, 1), (1, 1, False, 0), (1, 2, False, 0)],
)
def test_what_the_count_covers(
    counted: int | None, explained: int, covers: bool, deficit: int
) -> None:
    """A line is believed while the kernel has counted more than is explained, or cannot be
    asked.
    """
    tally = Tally(settle_ns=SETTLE)
    tally.read(counted, 0)
    tally.repeats = explained
    assert (tally.covers_one_more(), tally.deficit) == (covers, deficit)


@pytest.mark.parametrize(
    ("first", "early", "later", "ordinals", "before"),
    [(None, 0, 0, 3, 0), (7, 0, 0, 3, 3), (7, 5, 0, 3, 2), (7, 7, 0, 3, 0), (7, 0, 5, 9, 7)],
)
def test_counts_from_before_the_first_run(
    first: int | None, early: int, later: int, ordinals: int, before: int
) -> None:
    """Of what stood there at the first reading, all that happened before it is from before."""
    tally = Tally(settle_ns=SETTLE)
    tally.read(first, SECOND)
    tally.explains(True, early)
    tally.explains(False, later)
    assert tally.before_first_run(ordinals) == before


def test_a_missed_kill_among_others_does_not_stay_pending() -> None:
    """One kill follows another without a pause, and each but the first is explained at once: that
    one is given up after a while, once, though the sum of the others always covers it.
    """
    tally = Tally(settle_ns=SETTLE)
    tally.read(0, 0)
    given_up = []
    for second in range(1, 300):
        tally.read(second, second * SECOND)
        tally.victims = second - 1
        overdue = tally.overdue(second * SECOND)
        tally.unattributed += overdue
        given_up += [second] * overdue
        assert tally.books().pending == (not given_up)
    assert given_up == [32]
    assert tally.books().balanced


def test_kills_in_flight_are_not_missed() -> None:
    """At each look one kill is pending, and at the next that one is explained and another one
    pending: a moment without any proves that none was missed.
    """
    tally = Tally(settle_ns=SETTLE)
    for second in range(1, 300):
        tally.victims = second - 1
        tally.read(second - 1, second * SECOND)  # all is explained
        tally.read(second, second * SECOND)
        assert tally.overdue(second * SECOND) == 0


@pytest.mark.parametrize(("seconds", "overdue"), [(59, 0), (60, 2), (61, 2)])
def test_what_nobody_settles_unbalances_the_books(seconds: int, overdue: int) -> None:
    """Victims whose cgroup is never found nor given up: `pending` hides them no longer than a
    minute.
    """
    tally = Tally(settle_ns=SETTLE)
    tally.read(3, 0)
    tally.unplaced, tally.victims = 2, 1
    for second in range(1, seconds + 2):
        tally.read(3, second * SECOND)
    books = tally.books()
    assert (books.pending, books.overdue, books.balanced) == (2, overdue, not overdue)
    tally.unplaced, tally.victims = 0, 3
    assert tally.books().balanced


def test_a_count_never_falls() -> None:
    """A reading that is lower than the last (another source, a torn read) changes nothing."""
    tally = Tally(settle_ns=SETTLE)
    tally.read(5, 0)
    tally.read(3, 1)
    assert tally.books().counted == 5


# The whole ledger


@dataclass
class Story:
    """A kernel that kills, and a journal that holds what was committed last."""

    kernel: Kernel = field(default_factory=Kernel)
    pid: int = 1000
    heard: set[int] = field(default_factory=set)  # whose line the agent has read or will read
    counts: Counter[str] = field(default_factory=Counter)  # memory.events, hierarchical
    up: bool = True
    read: int = 0  # how much of the ring the agent has read
    saved: tuple[Checkpoint, int, int] = field(init=False)  # and lengths of out and of the ring

    def __post_init__(self) -> None:
        self.commit()

    def commit(self) -> None:
        self.kernel.flush()
        if self.up:
            self.read = len(self.kernel.lines)
        self.saved = (
            self.kernel.ledger.checkpoint(),
            len(self.kernel.out),
            self.read,
        )

    def counted(self, cgroup: str) -> None:
        path = cgroup
        while path:
            self.counts[path] += 1
            path = path.rpartition("/")[0]

    def line(self, pid: int, cgroup: str, *, seen: bool, memcg: bool, heard: bool) -> None:
        capture = captured(pid, cgroup) if seen and self.up else None
        self.counted(cgroup)
        self.kernel.kill(pid, memcg=memcg, heard=heard and self.up, capture=capture)
        if heard:
            self.heard.add(pid)
        else:
            self.kernel.lines.pop()

    def kill(
        self, cgroup: str, *, header: bool, seen: bool, memcg: bool, heard: bool, trace: int
    ) -> None:
        """One victim. `trace`: 0 not at all, 1 before its line, 2 after it, 3 with the probe."""
        self.pid += 1
        if trace == 1:
            self.kernel.trace(self.pid, captured(self.pid, cgroup))
        if trace == 3:
            probe = probed(cgroup, cgroup if memcg else "", call_ns=self.kernel.now)
            self.kernel.trace(self.pid, probe=probe)
        if header and heard:
            limit = cgroup if memcg else ""
            self.kernel.header(self.pid, cgroup, limit, heard=self.up)
        self.line(self.pid, cgroup, seen=seen, memcg=memcg, heard=heard)
        if trace == 2:
            self.kernel.trace(self.pid)

    def group(self, cgroup: str, *, size: int, header: bool, seen: bool, old: bool) -> None:
        """A group kill; `old`: as 6.1 does, the first victim again."""
        first = self.pid + 1
        if header:
            self.kernel.header(first, cgroup, POD, heard=self.up)
        self.line(first, cgroup, seen=seen, memcg=True, heard=True)
        if self.up:
            self.kernel.group(cgroup)
        else:
            self.kernel.now += 1_000_000
        self.pid += size
        for pid in range(first + 1, self.pid + 1):
            self.line(pid, cgroup, seen=seen, memcg=True, heard=True)
        if old and self.up:
            self.line(first, cgroup, seen=False, memcg=True, heard=True)

    def exited(self) -> None:
        """The process connector tells of the last victim's exit."""
        self.kernel.exit(self.pid)

    def recorder(self, cgroup: str) -> None:
        """The recorder answers what it was asked."""
        self.kernel.flush()
        self.kernel.recorder(cgroup)

    def read_counters(self) -> None:
        for path in (CONTAINER, OTHER, POD):
            self.kernel.counters(path, self.counts[path])

    def reopen(self, up: bool) -> None:
        """kmsg goes, or comes back: then the ring is read from its oldest record."""
        if up and not self.up:
            self.replay_is_blind()
            for line in self.kernel.lines:
                self.kernel.ledger.fold(line, self.kernel.now)
            self.kernel.count()
        elif self.up and not up:
            self.read = len(self.kernel.lines)
        self.up = up
        self.kernel.ledger.fold(KmsgState(up=up), self.kernel.now)

    def replay_is_blind(self) -> None:
        """Who was captured once is reaped now."""
        self.kernel.lines = [
            type(line)(sequence=line.sequence, boottime_ns=line.boottime_ns, line=line.line)
            for line in self.kernel.lines
        ]

    def restart(self, *, crash: bool, forget: bool) -> None:
        """From the last commit; `forget`: what the journal held then has left the ring."""
        if not crash:
            self.commit()
        checkpoint, told, read = self.saved
        del self.kernel.out[told:]
        incidents = self.incidents()
        if forget:
            del self.kernel.lines[:read]
        self.read = 0
        self.replay_is_blind()
        self.up = True
        self.kernel.start(Checkpoint.decode(checkpoint.encode()), incidents)
        self.commit()

    def incidents(self) -> list[OOMIncident]:
        """The latest revisions that were told."""
        latest = {}
        for item in self.kernel.out:
            if hasattr(item, "incident"):
                latest[item.incident.id] = item.incident
        return list(latest.values())


CGROUPS = st.sampled_from((CONTAINER, OTHER, "/system.slice/daemon.service"))
YES_NO = st.booleans()
DEEDS = st.one_of(
    st.tuples(
        st.just("kill"),
        st.fixed_dictionaries(
            {
                "cgroup": CGROUPS,
                "header": YES_NO,
                "seen": YES_NO,
                "memcg": YES_NO,
                "heard": st.sampled_from((True, True, False)),
                "trace": st.integers(0, 3),
            }
        ),
    ),
    st.tuples(
        st.just("group"),
        st.fixed_dictionaries(
            {
                "cgroup": st.sampled_from((CONTAINER, OTHER)),
                "size": st.integers(1, 4),
                "header": YES_NO,
                "seen": YES_NO,
                "old": YES_NO,
            }
        ),
    ),
    st.tuples(st.just("read_counters"), st.just({})),
    st.tuples(st.just("commit"), st.just({})),
    st.tuples(st.just("exited"), st.just({})),
    st.tuples(st.just("recorder"), st.fixed_dictionaries({"cgroup": CGROUPS})),
    st.tuples(st.just("reopen"), st.fixed_dictionaries({"up": YES_NO})),
    st.tuples(st.just("restart"), st.fixed_dictionaries({"crash": YES_NO, "forget": YES_NO})),
    st.tuples(st.just("wait"), st.sampled_from((1_000_000, 200_000_000, SECOND, 3 * SECOND))),
)


@given(st.lists(DEEDS, max_size=25))
@settings(max_examples=300)
def test_the_books_balance_whatever_happens(deeds: list[tuple[str, Any]]) -> None:
    """Kills, group kills, lost lines, traces, kmsg gone and back, crashes and restarts in any
    order: at every moment the sums agree, in the end nothing is pending, and each process whose
    line was heard is booked exactly once.
    """
    story = Story()
    for deed, how in deeds:
        if isinstance(how, int):
            story.kernel.wait(how)
        else:
            getattr(story, deed)(**how)
        assert story.kernel.ledger.books().balanced, deed
    story.reopen(True)
    for _ in range(4):
        story.kernel.wait(SETTLE)
    books = story.kernel.ledger.books()
    assert books.counted == story.kernel.oom_kill
    assert books.counted == books.victims + books.repeats + books.unattributed
    assert books.pending == 0
    incidents = story.incidents()
    assert sum(incident.counted for incident in incidents) == books.counted
    booked = Counter(v.pid for i in incidents for v in i.victims if v.pid is not None)
    assert {pid for pid, times in booked.items() if times > 1} == set()
    assert story.heard - set(booked) == set()
