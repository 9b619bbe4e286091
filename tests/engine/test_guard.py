"""A part that fails is published under its name, and nothing of it leaves the guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agent.engine.board import SourceBoard
from agent.engine.guard import LATE, LATE_SECONDS, Guard
from agent.host.absence import SourceAbsent
from agent.host.worker import Abandoned, TooManyAbandoned
from agent.model.absence import Absence
from agent.model.event import SourceChange
from agent.model.source import SourceHealth, SourceState
from tests.observe.fakes import FakeClock


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=1)
        self.board = SourceBoard(self.clock)
        self.changes: list[SourceChange] = []
        self.board.on_change = self.changes.append
        self.guard = Guard(self.board)

    def row(self, name: str) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == name)


def raising(error: BaseException) -> Callable[[], None]:
    def part() -> None:
        raise error

    return part


async def coroutine(part: Callable[[], None]) -> None:
    part()


FAILURES = pytest.mark.parametrize(
    ("error", "state", "absence", "words"),
    [
        (
            SourceAbsent(Absence.UNSUPPORTED, "no kmsg"),
            SourceState.ABSENT,
            Absence.UNSUPPORTED,
            "no",
        ),
        (SourceAbsent(Absence.VANISHED, "gone"), SourceState.ABSENT, Absence.VANISHED, "gone"),
        (SourceAbsent(Absence.DENIED, "not ours"), SourceState.DOWN, Absence.DENIED, "not ours"),
        (ValueError("boom"), SourceState.DOWN, Absence.FAILED, "ValueError: boom; this is a bug"),
        (KeyError("x"), SourceState.DOWN, Absence.FAILED, "KeyError: 'x'; this is a bug"),
    ],
)


@FAILURES
def test_what_a_part_raises_is_published(
    error: Exception, state: SourceState, absence: Absence, words: str
) -> None:
    """An absence keeps its name; anything else is a failure, in words, and a bug of ours."""
    bench = Bench()
    bench.board.up("kmsg")
    assert bench.guard.call("kmsg", raising(error)) is None
    row = bench.row("kmsg")
    assert (row.state, row.absence) == (state, absence)
    assert words in row.detail
    assert [change.up for change in bench.changes] == [True, False]


@FAILURES
async def test_what_a_coroutine_raises_is_published(
    error: Exception, state: SourceState, absence: Absence, words: str
) -> None:
    """The same for a coroutine: the task that runs it ends well."""
    bench = Bench()
    bench.board.up("kmsg")
    await bench.guard.run("kmsg", coroutine(raising(error)))
    row = bench.row("kmsg")
    assert (row.state, row.absence) == (state, absence)
    assert words in row.detail


def test_recovery_turns_the_row_up() -> None:
    """After a failure a whole tick that goes well says so, once; results are given through."""
    bench = Bench()
    bench.guard.call("ledger", raising(ValueError("boom")))
    bench.guard.judge()
    assert bench.row("ledger").state is SourceState.DOWN
    assert bench.guard.call("ledger", lambda: 7) == 7
    assert bench.row("ledger").state is SourceState.DOWN
    bench.guard.judge()
    assert (bench.row("ledger").state, bench.row("ledger").detail) == (SourceState.UP, "")
    assert bench.guard.call("ledger", lambda: 8) == 8
    bench.guard.judge()
    assert [change.up for change in bench.changes] == [False, True]


def test_one_failure_in_every_tick_does_not_flap() -> None:
    """Whatever goes well before and after it."""
    bench = Bench()
    for _ in range(3):
        bench.guard.call("ledger", lambda: 1)
        bench.guard.call("ledger", raising(ValueError("boom")))
        bench.guard.call("ledger", lambda: 2)
        bench.guard.judge()
    assert [change.up for change in bench.changes] == [False]


def test_what_is_not_called_does_not_recover() -> None:
    """A source that was closed when it failed is not up because time passes."""
    bench = Bench()
    bench.board.up("kmsg")
    bench.guard.call("kmsg", raising(ValueError("boom")))
    for _ in range(3):
        bench.guard.judge()
    assert bench.row("kmsg").state is SourceState.DOWN


def test_an_attempt_says_whether_it_ended_well() -> None:
    """Also of a part that returns nothing."""
    bench = Bench()
    assert bench.guard.attempt("ledger", lambda: None)
    assert not bench.guard.attempt("ledger", raising(ValueError("boom")))


async def test_a_call_recovers_what_a_coroutine_broke() -> None:
    """The tick after a failed answer turns the ledger's row up again."""
    bench = Bench()
    await bench.guard.run("ledger", coroutine(raising(ValueError("boom"))))
    bench.guard.judge()
    assert bench.row("ledger").state is SourceState.DOWN
    bench.guard.call("ledger", lambda: None)
    bench.guard.judge()
    assert bench.row("ledger").state is SourceState.UP


@pytest.mark.parametrize("error", [Abandoned("5 s"), TooManyAbandoned("all are stuck")])
async def test_a_worker_that_hangs_is_no_bug(error: Exception) -> None:
    """What a part does not catch of its workers makes its source blind, in these words."""
    bench = Bench()
    bench.board.up("disks")
    await bench.guard.run("disks", coroutine(raising(error)))
    row = bench.row("disks")
    assert (row.state, row.detail) == (SourceState.DOWN, f"reading it hangs: {error}")
    bench.guard.judge()
    await bench.guard.run("disks", coroutine(lambda: None))
    bench.guard.judge()
    assert bench.row("disks").state is SourceState.UP


async def test_a_round_that_does_not_end_is_blind_since_it_began() -> None:
    """Whatever it waits for; and it sees again when it ends."""
    bench = Bench()
    bench.board.up("disks")
    answer = asyncio.Event()
    look = asyncio.create_task(bench.guard.round("disks", answer.wait()))
    await asyncio.sleep(0)
    bench.clock.now_ns += int(LATE_SECONDS * 1e9) - 1
    bench.guard.judge()
    assert bench.row("disks").state is SourceState.UP
    bench.clock.now_ns += 1
    bench.guard.judge()
    bench.guard.judge()
    row = bench.row("disks")
    assert (row.state, row.absence, row.detail) == (SourceState.DOWN, Absence.FAILED, LATE)
    assert row.since_wall_ns == 1
    answer.set()
    await look
    assert bench.row("disks").state is SourceState.UP
    assert [change.up for change in bench.changes] == [True, False, True]


async def test_a_late_round_says_itself_how_its_source_is() -> None:
    """It ends, and has found that there is nothing to see; one that was blind stays what it was."""
    bench = Bench()
    bench.board.up("disks")
    answer = asyncio.Event()

    async def look() -> None:
        await answer.wait()
        raise SourceAbsent(Absence.VANISHED, "no disks")

    rounds = [
        asyncio.create_task(bench.guard.round("disks", look())),
        asyncio.create_task(bench.guard.round("cri", look())),
    ]
    await asyncio.sleep(0)
    bench.clock.now_ns += int(LATE_SECONDS * 1e9)
    bench.guard.judge()
    assert bench.row("cri").detail == "not opened yet"
    answer.set()
    await asyncio.gather(*rounds)
    assert (bench.row("disks").state, bench.row("disks").detail) == (SourceState.ABSENT, "no disks")


def test_success_alone_says_nothing() -> None:
    """A part that never failed does not turn its row: its owner knows whether the source sees."""
    bench = Bench()
    bench.guard.call("kmsg", lambda: None)
    bench.guard.call("trace", raising(SourceAbsent(Absence.UNSUPPORTED, "no tracefs")))
    bench.guard.call("trace", lambda: None)
    assert bench.changes == []
    assert bench.row("trace").state is SourceState.ABSENT


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
async def test_the_end_is_no_failure(error: BaseException) -> None:
    """What ends the agent, or a task, passes through and is not published."""
    bench = Bench()
    with pytest.raises(type(error)):
        bench.guard.call("ledger", raising(error))
    assert bench.changes == []
