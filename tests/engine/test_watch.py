"""One watcher is kept going; what it raises is published and never leaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.watch import REOPEN_TICKS, Watch
from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.model.event import SourceChange
from agent.model.evidence import ForgedSeen, Observation
from agent.model.source import SourceState
from agent.observe.roster import Opening
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
        self.absent: SourceAbsent | None = None
        self.taken: list[Observation] = []
        opening = Opening("kmsg", self.open)
        self.watch = Watch(opening, self.board, Guard(self.board), self.taken.extend)

    def open(self) -> FakeWatcher:
        if self.absent is not None:
            raise self.absent
        self.opened.append(FakeWatcher(batches=[[SEEN], [SEEN, SEEN]]))
        return self.opened[-1]

    def state(self) -> SourceState:
        return next(row.state for row in self.board.health() if row.name == "kmsg")


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
    for _ in range(REOPEN_TICKS - 1):
        bench.watch.tick(loop)
    assert len(bench.opened) == 1
    bench.watch.tick(loop)
    assert len(bench.opened) == 2
    assert [change.up for change in bench.changes] == [True, False, True]


async def test_an_absent_source_is_tried_again() -> None:
    """What the host does not have is absent and not broken; it may come."""
    bench, loop = Bench(), asyncio.get_running_loop()
    bench.absent = SourceAbsent(Absence.UNSUPPORTED, "no such tracepoint")
    bench.watch.start(loop)
    assert (bench.watch.watcher, bench.state()) == (None, SourceState.ABSENT)
    bench.absent = None
    for _ in range(REOPEN_TICKS):
        bench.watch.tick(loop)
    assert bench.state() is SourceState.UP
