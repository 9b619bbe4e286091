"""Questions to the flight recorder: many at once, off the event loop, and for a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Hashable, Iterator
from typing import Any, TypeVar, TypeVarTuple, cast

import pytest

from agent.engine.board import SourceBoard
from agent.engine.places import (
    ATTEMPTS,
    LATE_REST_SECONDS,
    REOPEN_SECONDS,
    SCAN_MOST_SECONDS,
    PlaceFinder,
)
from agent.host.absence import SourceAbsent
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence
from agent.model.evidence import TraceSeen
from agent.model.kmsg import TraceVictim
from agent.model.lineage import Forked, Marked, Moved
from agent.model.oom import Attribution
from agent.model.source import SourceHealth, SourceState
from agent.observe.recorder import NAME, Recorder
from tests.observe.fakes import FakeClock

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

SECOND = 1_000_000_000
POD = "/kubepods/pod1/a"
SEEN = TraceSeen(boottime_ns=5, victim=TraceVictim(timestamp_us=5, pid=4))


class FakeRecorder:
    """Tells `events` once; a reading waits while `open` is not set."""

    forks = True
    buffer_bytes = 77
    records = 3

    def __init__(self) -> None:
        self.events: list[Forked | Moved | Marked | TraceSeen] = []
        self.error: SourceAbsent | None = None
        self.open = threading.Event()
        self.open.set()
        self.reading = threading.Event()
        self.readings = 0
        self.oldest_us: int | None = 10_000_000
        self.overwrites = False
        self.heard_us = 0
        self.closed = False

    def read(self) -> Iterator[Forked | Moved | Marked | TraceSeen]:
        self.readings += 1
        self.reading.set()
        assert self.open.wait(20)
        if self.error is not None:
            raise self.error
        events, self.events = self.events, []
        yield from events

    def look(self) -> None:
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


class Bench:
    """A finder with everything around it under our hands."""

    def __init__(self) -> None:
        self.recorder = FakeRecorder()
        self.opened = 0
        self.refusal: SourceAbsent | None = None
        self.clock = FakeClock(now_ns=100 * SECOND)
        self.board = SourceBoard(self.clock)
        self.lists: dict[int, str] = {}
        self.scans = 0
        self.followed: dict[int, str] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.rested: list[float] = []
        self.finder = self.make(self._open)

    def make(
        self, opens: Callable[[], Recorder] | None, workers: Workers | None = None
    ) -> PlaceFinder:
        return PlaceFinder(
            open_recorder=opens,
            scan=self._scan,
            path_of=self.followed.get,
            workers=workers or Workers(2),
            clock=self.clock,
            board=self.board,
            spawn=self._spawn,
            rest=self._rest,
        )

    def _open(self) -> Recorder:
        self.opened += 1
        if self.refusal is not None:
            raise self.refusal
        return cast(Recorder, self.recorder)

    def _scan(self) -> dict[int, str]:
        self.scans += 1
        return self.lists

    def _spawn(self, work: Coroutine[Any, Any, None]) -> object:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        return task

    async def _rest(self, seconds: float) -> None:
        self.rested.append(seconds)

    @property
    def row(self) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == NAME)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_begin(bench: Bench) -> None:
    """The victims in the ring are handed over, the lists scanned, the state published."""

    async def story() -> None:
        bench.recorder.events = [SEEN]
        assert await bench.finder.begin() == [SEEN]
        assert bench.scans == 1
        assert (bench.row.state, bench.row.detail) == (SourceState.UP, "kills, forks and moves")
        assert bench.row.records == 3
        assert bench.finder.buffer_bytes == 77
        assert bench.finder.window_seconds == 90.0

    run(story())


def test_answers(bench: Bench) -> None:
    """By a move, with the path of the inode where that cgroup is known; by a scan; not at all."""

    async def story() -> None:
        bench.lists = {200: "/kubepods/pod2/b"}
        bench.followed = {}
        await bench.finder.begin()
        bench.recorder.events = [
            Moved(1, 100, 7, POD),
            Forked(2, 100, 101, thread=False, elsewhere=False),
            Forked(101_000_000, 200, 201, thread=False, elsewhere=False),
        ]
        asked = ((101, 200 * SECOND), (201, 200 * SECOND), (999, 200 * SECOND))
        assert await bench.finder.find(asked) == {
            101: (POD, Attribution.RECORDER),
            201: ("/kubepods/pod2/b", Attribution.SCAN),
        }

    run(story())


def test_inode_before_text(bench: Bench) -> None:
    """A followed cgroup is called as we know it."""

    async def story() -> None:
        bench.followed[7] = "/kubepods/pod1/true"
        await bench.finder.begin()
        bench.recorder.events = [Moved(1, 100, 7, "/kubepods/pod1/said")]
        assert await bench.finder.find(((100, SECOND),)) == {
            100: ("/kubepods/pod1/true", Attribution.RECORDER)
        }

    run(story())


def test_many_questions_one_reading(bench: Bench) -> None:
    """What is asked while a reading runs is answered by the next, all of it by one."""

    async def story() -> None:
        await bench.finder.begin()
        bench.recorder.events = [Moved(1, pid, 7, POD) for pid in range(50)]
        bench.recorder.open.clear()
        bench.recorder.reading.clear()
        first = asyncio.create_task(bench.finder.find(((0, SECOND),)))
        await asyncio.to_thread(bench.recorder.reading.wait, 20)
        later = [asyncio.create_task(bench.finder.find(((n, SECOND),))) for n in range(1, 50)]
        await asyncio.sleep(0)
        bench.recorder.open.set()
        assert await first == {0: (POD, Attribution.RECORDER)}
        assert [await task for task in later] == [
            {n: (POD, Attribution.RECORDER)} for n in range(1, 50)
        ]
        assert bench.recorder.readings == 3
        assert len(bench.rested) == 1  # between the two, none after the last

    run(story())


class LateWorkers(Workers):
    """Whose next calls are late, or refused."""

    def __init__(self) -> None:
        super().__init__(2)
        self.next: list[Exception] = []

    async def run(
        self,
        function: Callable[[*Ts], T],
        *args: *Ts,
        deadline_seconds: float,
        key: Hashable = None,
    ) -> T:
        if self.next:
            raise self.next.pop(0)
        return await super().run(function, *args, deadline_seconds=deadline_seconds, key=key)


def test_late_reading(bench: Bench) -> None:
    """A machine that is too slow costs time: it is asked again, and the state says what it was."""

    async def story() -> None:
        workers = LateWorkers()
        finder = bench.make(bench._open, workers)
        await finder.begin()
        bench.recorder.events = [Moved(1, 100, 7, POD)]
        workers.next = [Abandoned("late"), TooManyAbandoned("refused"), Abandoned("late")]
        assert await finder.find(((100, SECOND),)) == {100: (POD, Attribution.RECORDER)}
        assert bench.rested == [LATE_REST_SECONDS] * 3
        assert bench.row.state is SourceState.UP

    run(story())


def test_a_reading_that_is_always_late(bench: Bench) -> None:
    """It is given up, and the next question has attempts of its own."""

    async def story() -> None:
        workers = LateWorkers()
        finder = bench.make(bench._open, workers)
        await finder.begin()
        bench.recorder.events = [Moved(1, 100, 7, POD)]
        workers.next = [Abandoned("late") for _ in range(ATTEMPTS)]
        assert await finder.find(((100, SECOND),)) == {}
        assert (bench.row.state, bench.row.detail) == (SourceState.DOWN, "late")
        assert len(bench.rested) == ATTEMPTS - 1
        assert await finder.find(((100, SECOND),)) == {100: (POD, Attribution.RECORDER)}

    run(story())


def test_absent_and_tried_again(bench: Bench) -> None:
    """Without tracefs nothing is found, that is said, and it is tried again later."""

    async def story() -> None:
        bench.refusal = SourceAbsent(Absence.DENIED, "needs CAP_SYS_ADMIN")
        assert await bench.finder.begin() == []
        assert await bench.finder.find(((1, SECOND),)) == {}
        assert (bench.row.state, bench.row.detail) == (SourceState.DOWN, "needs CAP_SYS_ADMIN")
        assert bench.finder.window_seconds is None
        bench.finder.tick()
        assert not bench.tasks
        bench.refusal = None
        bench.clock.now_ns += int(REOPEN_SECONDS * SECOND)
        bench.finder.tick()
        bench.finder.tick()
        assert len(bench.tasks) == 1
        await bench.tasks[0]
        assert (bench.opened, bench.row.state) == (2, SourceState.UP)

    run(story())


def test_failing_reading_closes_it(bench: Bench) -> None:
    """The question is answered with nothing; the recorder is opened anew."""

    async def story() -> None:
        await bench.finder.begin()
        bench.recorder.error = SourceAbsent(Absence.VANISHED, "the instance was removed")
        assert await bench.finder.find(((1, SECOND),)) == {}
        assert bench.recorder.closed
        assert bench.row.state is SourceState.ABSENT

    run(story())


def test_scanned_before_the_ring_forgets(bench: Bench) -> None:
    """At a third of the window once the ring is overwritten, and not too rarely before."""

    async def story() -> None:
        await bench.finder.begin()
        bench.clock.now_ns += int(SCAN_MOST_SECONDS * SECOND) - 1
        bench.finder.tick()
        assert bench.scans == 1
        bench.clock.now_ns += 1
        bench.recorder.overwrites = True
        bench.recorder.oldest_us = bench.clock.now_ns // 1000 - 9_000_000
        bench.finder.tick()
        await bench.tasks.pop()
        assert bench.scans == 2
        bench.clock.now_ns += 3 * SECOND - 1
        bench.finder.tick()
        assert not bench.tasks
        bench.clock.now_ns += 1
        bench.finder.tick()
        await bench.tasks.pop()
        assert bench.scans == 3

    run(story())


@pytest.mark.parametrize("oldest_us", [None, 90_000_000])
def test_kill_from_before_the_recorder(bench: Bench, oldest_us: int | None) -> None:
    """Its pid is another process's by now: nobody is to be blamed for it."""

    async def story() -> None:
        bench.recorder.oldest_us = oldest_us
        bench.lists = {100: POD}
        await bench.finder.begin()
        assert await bench.finder.find(((100, SECOND),)) == {}

    run(story())


def test_gap_in_what_was_read(bench: Bench) -> None:
    """What the ring forgot unread makes everything before it worthless."""

    async def story() -> None:
        bench.recorder.events = [Moved(1, 100, 7, POD)]
        bench.recorder.oldest_us = 1
        await bench.finder.begin()
        bench.recorder.overwrites = True
        bench.recorder.heard_us = 2
        bench.recorder.oldest_us = 2
        assert await bench.finder.find(((100, SECOND),)) != {}
        bench.recorder.oldest_us = 3
        assert await bench.finder.find(((100, SECOND),)) == {}

    run(story())


def test_kills_only(bench: Bench) -> None:
    """Where the OOM killer is probed there are no forks: nothing is read or scanned for them."""

    async def story() -> None:
        bench.recorder.forks = False
        await bench.finder.begin()
        assert await bench.finder.find(((100, SECOND),)) == {}
        assert (bench.scans, bench.recorder.readings) == (0, 1)
        assert bench.row.detail == "kills only"

    run(story())


def test_switched_off(bench: Bench) -> None:
    """No recorder is opened, and every question has its answer."""

    async def story() -> None:
        finder = bench.make(None)
        assert await finder.begin() == []
        assert await finder.find(((1, SECOND),)) == {}
        finder.tick()
        assert (bench.tasks, bench.opened) == ([], 0)
        finder.close()

    run(story())
