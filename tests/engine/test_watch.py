"""One watcher is kept going; what it raises is published and never leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.watch import REOPEN_TICKS, Watch
from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.model.event import SourceChange
from agent.model.evidence import ForgedSeen, Observation
from agent.model.source import SourceState
from agent.observe.roster import Opening
from tests.host.hanging import HangingWorkers
from tests.observe.fakes import FakeClock

SEEN = ForgedSeen(sequence=1)


@dataclass
class FakeWatcher:
    batches: list[list[Observation]] = field(default_factory=list)
    error: Exception | None = None
    closed: bool = False
    records: int = 0

    def fileno(self) -> int | None:
        return None

    def observe(self) -> tuple[list[Observation], bool]:
        if self.error is not None:
            raise self.error
        return (self.batches.pop(0), True) if self.batches else ([], False)

    def tick(self) -> list[Observation]:
        return []

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self) -> None:
        self.board = SourceBoard(FakeClock())
        self.changes: list[SourceChange] = []
        self.board.on_change = self.changes.append
        self.opened: list[FakeWatcher] = []
        self.opened_in: set[int] = set()  # threads
        self.absent: SourceAbsent | None = None
        self.taken: list[Observation] = []
        self.workers = HangingWorkers(1)
        self.hangs = False
        self.tasks: list[asyncio.Task[None]] = []
        self.watch = Watch(
            Opening("kmsg", self.open),
            self.board,
            Guard(self.board),
            self.taken.extend,
            self.workers,
            self.spawn,
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def open(self) -> FakeWatcher:
        if self.absent is not None:
            raise self.absent
        self.opened_in.add(threading.get_ident())
        if self.hangs:
            self.workers.hang()
        self.opened.append(FakeWatcher(batches=[[SEEN], [SEEN, SEEN]]))
        return self.opened[-1]

    async def ticks(self, number: int) -> None:
        """Openings that they begin have come to an end, or were given up."""
        for _ in range(number):
            self.watch.tick(asyncio.get_running_loop())
            await asyncio.gather(*self.tasks)

    def state(self) -> SourceState:
        return next(row.state for row in self.board.health() if row.name == "kmsg")

    def detail(self) -> str:
        return next(row.detail for row in self.board.health() if row.name == "kmsg")


async def test_all_that_is_there_is_taken() -> None:
    """Batch after batch until nothing more waits."""
    bench, loop = Bench(), asyncio.get_running_loop()
    bench.watch.start(loop)
    bench.watch.catch_up(loop)
    assert len(bench.taken) == 3
    assert bench.state() is SourceState.UP


async def test_a_raising_watcher_is_closed_published_and_opened_again() -> None:
    """A bug in one source costs that source for REOPEN_TICKS, and says so."""
    bench, loop = Bench(), asyncio.get_running_loop()
    bench.watch.start(loop)
    bench.opened[0].error = ValueError("boom")
    bench.watch.drain(loop)
    assert bench.opened[0].closed
    assert bench.state() is SourceState.DOWN
    assert "boom" in bench.changes[-1].detail
    await bench.ticks(REOPEN_TICKS - 1)
    assert len(bench.opened) == 1
    await bench.ticks(1)
    assert len(bench.opened) == 2
    assert [change.up for change in bench.changes] == [True, False, True]


async def test_an_absent_source_is_tried_again() -> None:
    """What the host does not have is absent and not broken; it may come."""
    bench, loop = Bench(), asyncio.get_running_loop()
    bench.absent = SourceAbsent(Absence.UNSUPPORTED, "no such tracepoint")
    bench.watch.start(loop)
    assert (bench.watch.watcher, bench.state()) == (None, SourceState.ABSENT)
    bench.absent = None
    await bench.ticks(REOPEN_TICKS)
    assert bench.state() is SourceState.UP
    assert threading.get_ident() not in bench.opened_in


async def absent_and_then_hanging() -> Bench:
    bench = Bench()
    bench.absent = SourceAbsent(Absence.FAILED, "no memory for a ring")
    bench.watch.start(asyncio.get_running_loop())
    bench.absent, bench.hangs = None, True
    for _ in range(4):
        await bench.ticks(REOPEN_TICKS)
        assert bench.state() is SourceState.DOWN
        assert "opening it hangs" in bench.detail()
        assert bench.workers.abandoned == 1
    return bench


async def let_go(bench: Bench) -> FakeWatcher:
    bench.workers.let_go()
    while bench.workers.abandoned:
        await asyncio.to_thread(lambda: None)
    await asyncio.to_thread(lambda: None)  # what the thread has left for the loop is done
    [watcher] = bench.opened
    return watcher


async def test_an_opening_that_hangs() -> None:
    """The loop goes on, it is told, and none is begun beside it; when it ends, late, it counts."""
    bench = await absent_and_then_hanging()
    assert await let_go(bench) is bench.watch.watcher
    assert bench.state() is SourceState.UP


async def test_an_opening_that_ends_after_the_agent() -> None:
    """It is closed: what it made must not stay in the kernel."""
    bench = await absent_and_then_hanging()
    bench.watch.stop(asyncio.get_running_loop())
    watcher = await let_go(bench)
    assert watcher.closed
    assert bench.watch.watcher is None
    assert bench.state() is SourceState.DOWN
