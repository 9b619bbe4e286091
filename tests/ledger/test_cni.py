"""agent.ledger.cni: every execution once, whatever comes in which order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.ledger.cni import MAX_COMMANDS, OTHER, SETTLE_NS, CNILedger
from agent.model.cni import CallState, CNICall, result
from agent.model.death import ProcessExit

S = 1_000_000_000


def executed(pid: int, at: int = 0, *, parent: int = 998, plugin: str = "/x/bridge") -> CNICall:
    return CNICall(
        pid=pid,
        start_boottime_ns=at,
        plugin=plugin,
        started_boottime_ns=at,
        parent_pid=parent,
    )


class Bench:
    def __init__(self) -> None:
        self.exits: dict[int, ProcessExit] = {}
        self.ledger = CNILedger(lambda call: self.exits.get(call.pid), max_ended=4)

    def begin(self, pid: int, command: str = "ADD", *, parent: int = 998) -> CNICall:
        call = replace(self.ledger.begins(executed(pid, parent=parent)), command=command)
        self.ledger.learned(call)
        return call

    def exit(self, pid: int, at: int, code: int | None = 0, signal: int | None = None) -> None:
        self.exits[pid] = ProcessExit(
            pid=pid, parent_pid=998, boottime_ns=at, exit_code=code, signal=signal
        )

    def only(self) -> CNICall:
        (call,) = self.ledger.ended()
        return call


@pytest.fixture
def bench() -> Bench:
    return Bench()


def balanced(ledger: CNILedger) -> bool:
    books = ledger.books()
    return books.seen == books.running + books.ended + books.missed + books.others


@pytest.mark.parametrize(
    ("code", "signal", "state"),
    [(0, None, CallState.OK), (3, None, CallState.FAILED), (None, 9, CallState.FAILED)],
)
def test_a_call(bench: Bench, code: int | None, signal: int | None, state: CallState) -> None:
    """The connector's word on how and when it ended, and its totals."""
    bench.begin(7)
    assert [call.command for call in bench.ledger.running()] == ["ADD"]
    bench.exit(7, 2 * S, code, signal)
    bench.ledger.ends(7, 3 * S)
    assert bench.only().ended_boottime_ns == 2 * S
    assert result(bench.only()) is state
    totals = bench.ledger.totals()["ADD", state]
    assert (totals.count, totals.seconds) == (1, 2.0)
    assert not bench.ledger.running()
    assert balanced(bench.ledger)


def test_nobody_tells_how_it_ended(bench: Bench) -> None:
    """It is waited for a moment; then its result is unknown for ever."""
    bench.begin(7)
    bench.ledger.ends(7, S)
    bench.ledger.tick(S + SETTLE_NS - 1)
    assert not bench.ledger.totals()
    bench.ledger.tick(S + SETTLE_NS)
    assert list(bench.ledger.totals()) == [("ADD", CallState.UNKNOWN)]
    assert bench.only().ended_boottime_ns == S
    assert balanced(bench.ledger)


def test_the_exit_comes_late(bench: Bench) -> None:
    bench.begin(7)
    bench.ledger.ends(7, S)
    bench.exit(7, S)
    bench.ledger.tick(S + 1)
    assert list(bench.ledger.totals()) == [("ADD", CallState.OK)]


def test_the_environment_comes_late(bench: Bench) -> None:
    """A call that has ended is not booked before it is known what it was."""
    call = bench.ledger.begins(executed(7))
    bench.exit(7, S)
    bench.ledger.ends(7, S)
    assert not bench.ledger.totals()
    bench.ledger.learned(replace(call, command="DEL"))
    bench.ledger.tick(S + 1)
    assert list(bench.ledger.totals()) == [("DEL", CallState.OK)]
    assert bench.only().command == "DEL"


@pytest.mark.parametrize("over", [False, True])
def test_no_call(bench: Bench, over: bool) -> None:
    """Somebody looks at what the plugin says without arguments."""
    call = bench.ledger.begins(executed(7))
    if over:
        bench.ledger.ends(7, S)
    bench.ledger.withdrawn(call)
    assert not bench.ledger.running()
    assert not list(bench.ledger.ended())
    assert bench.ledger.books().others == 1
    assert balanced(bench.ledger)


def test_delegates(bench: Bench) -> None:
    """They belong to the call that executed them, and are not counted with it."""
    bench.begin(7)
    bench.begin(8, parent=7)
    assert [call.delegated_by for call in bench.ledger.running()] == [None, 7]
    for pid in (8, 7):
        bench.exit(pid, S)
        bench.ledger.ends(pid, S)
    assert bench.ledger.totals()["ADD", CallState.OK].count == 1
    assert [call.pid for call in bench.ledger.ended()] == [7, 8]


def test_executed_in_its_place(bench: Bench) -> None:
    """A plugin that executes another in its own process stays one call."""
    call = bench.begin(7)
    bench.ledger.begins(replace(call, plugin="/x/real", command=""))
    (now,) = bench.ledger.running()
    assert (now.plugin, now.command) == ("/x/real", "ADD")
    assert bench.ledger.books().seen == 1


def test_bounded(bench: Bench) -> None:
    """So many ended calls are kept, so many commands counted apart; the books lose nothing."""
    for pid in range(1, 2 * MAX_COMMANDS + 1):
        bench.begin(pid, f"C{pid}")
        bench.exit(pid, S)
        bench.ledger.ends(pid, S)
    bench.ledger.missed()
    assert [call.pid for call in bench.ledger.ended()] == [32, 31, 30, 29]
    totals = bench.ledger.totals()
    assert len(totals) == MAX_COMMANDS + 1
    assert totals[OTHER, CallState.OK].count == MAX_COMMANDS
    books = bench.ledger.books()
    assert (books.seen, books.ended, books.missed) == (33, 32, 1)
    assert balanced(bench.ledger)
