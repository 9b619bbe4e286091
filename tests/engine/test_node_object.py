"""agent.engine.node_object: what is known, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.node_object import NODE_OBJECT, UNFINISHED, NodeObjectWatch
from agent.host.absence import SourceAbsent
from agent.host.api_server import Door, NodeReader
from agent.host.worker import Abandoned, Workers
from agent.model.absence import Absence
from agent.model.kubelet import NodeLease, NodeObject
from agent.model.source import SourceState
from tests.observe.fakes import FakeClock
from tests.serve.kubelet_sample import BELIEF


class FakeReader:
    door = Door(
        host="fd00::1",
        port=443,
        server_name="kubernetes",
        ca=Path("/ca"),
        token=Path("/token"),
        client_certificate=None,
        timeout_seconds=5.0,
    )

    def __init__(self) -> None:
        self.fails: Exception | None = None

    def read(self) -> tuple[NodeObject, NodeLease | None, str]:
        if self.fails is not None:
            raise self.fails
        return BELIEF.node, None, "403: leases is forbidden"


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=7)
        self.board = SourceBoard(self.clock)
        self.board.add(NODE_OBJECT, "it")
        self.made = FakeReader()
        self.nowhere = False
        self.watch = NodeObjectWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(1),
            reader=self.reader,
            interval_seconds=10.0,
            deadline_seconds=5.0,
        )

    def reader(self) -> NodeReader:
        if self.nowhere:
            raise SourceAbsent(Absence.FAILED, "set api_server.endpoint")
        return cast(NodeReader, self.made)

    def source(self) -> tuple[SourceState, str]:
        row = next(row for row in self.board.health() if row.name == NODE_OBJECT)
        return row.state, row.detail


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_known(bench: Bench) -> None:
    """With the moment of the question, and what could not be read beside it."""
    await bench.watch.look()
    belief = bench.watch.belief
    assert belief is not None
    assert (belief.node, belief.lease, belief.boottime_ns) == (BELIEF.node, None, 7)
    assert (belief.address, belief.lease_problem) == ("[fd00::1]:443", "403: leases is forbidden")
    assert bench.watch.unknown == ""
    assert bench.source() == (SourceState.UP, "")


@pytest.mark.parametrize(
    "error",
    [SourceAbsent(Absence.DENIED, "answers 403"), Abandoned("answers 403 late")],
    ids=["refused", "hangs"],
)
async def test_unknown(bench: Bench, error: Exception) -> None:
    """What was believed before is not what is believed now."""
    await bench.watch.look()
    bench.made.fails = error
    await bench.watch.look()
    assert bench.watch.belief is None
    assert "answers 403" in bench.watch.unknown
    assert bench.source() == (SourceState.DOWN, bench.watch.unknown)
    bench.made.fails = None
    await bench.watch.look()
    assert bench.source()[0] is SourceState.UP


async def test_a_bug_of_ours(bench: Bench) -> None:
    """It is the guard's to tell of, and nothing is believed for it."""
    await bench.watch.look()
    bench.made.fails = TypeError("not iterable")
    with pytest.raises(TypeError):
        await bench.watch.look()
    assert (bench.watch.belief, bench.watch.unknown) == (None, UNFINISHED)


async def test_nowhere(bench: Bench) -> None:
    """Nobody has said where to ask."""
    bench.nowhere = True
    await bench.watch.look()
    assert bench.source() == (SourceState.DOWN, "set api_server.endpoint")
