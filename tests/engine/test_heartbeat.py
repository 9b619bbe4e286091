"""agent.engine.heartbeat: who is looked at, what follows, and what is not known."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import cast

import pytest
from msgspec.structs import replace

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.heartbeat import (
    CONNECTIONS,
    FIND_NS,
    LOOK_SECONDS,
    SICK_SECONDS,
    HeartbeatWatch,
)
from agent.host.absence import SourceAbsent
from agent.host.worker import Workers
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupPlace
from agent.model.evidence import DialSeen, Observation, SourceLost
from agent.model.heartbeat import Caller, Connection, Trouble
from agent.model.oom import Container
from agent.model.source import SourceState
from agent.observe.connections import ConnectionSight
from agent.observe.dials import NAME as DIALS
from tests.observe.fakes import FakeClock
from tests.serve.heartbeat_sample import API_SERVER, KUBELET, S, connection

UID = "0f9a4a0e-2a6b-4d0e-8d6b-3f3f0c0d1e2f"
POD = f"/kubepods/burstable/pod{UID}/{'4f' * 32}"
IN_POD = replace(API_SERVER, cgroup=POD, names=None)
WEBHOOK = "10.96.14.2:443"
API = "10.0.0.1:6443"
BEGUN = DialSeen(tid=0, local="10.0.0.4:1", remote="", failed=False, serving=False, boottime_ns=0)
STUCK = connection(3, unacked=1, retransmits=2)


class FakeSight:
    """What the kernel shows next."""

    def __init__(self) -> None:
        self.callers: list[Caller] = [KUBELET]
        self.connections: dict[int, tuple[Connection, ...] | Exception] = {}
        self.finds = 0
        self.hang: threading.Event | None = None

    def find(self) -> list[Caller]:
        self.finds += 1
        return self.callers

    def look(self, caller: Caller) -> tuple[Connection, ...]:
        if self.hang is not None:
            self.hang.wait()
        told = self.connections.get(caller.pid, ())
        if isinstance(told, Exception):
            raise told
        return told


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.board = SourceBoard(self.clock)
        self.sight = FakeSight()
        self.namespace = "kube-system"
        self.lost: list[Observation] = []
        self.threads = {(KUBELET.pid, 820), (API_SERVER.pid, 2001)}
        self.watch = HeartbeatWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(2),
            sight=cast(ConnectionSight, self.sight),
            names=self.names,
            has_thread=lambda pid, tid: (pid, tid) in self.threads,
            lost=self.lost.extend,
            api_ports=frozenset((443, 6443)),
            wanted="kubelet or kube-apiserver",
            stalled_after=10.0,
        )

    def names(self, where: CgroupPlace) -> Container | None:
        return Container(namespace=self.namespace, pod="x") if where.pod_uid else None

    def look(self, after: float = 0.0) -> None:
        self.clock.now_ns += int(after * S)
        asyncio.run(self.watch.look())

    def dialled(self, tid: int, remote: str) -> None:
        """Begun, and refused at once."""
        now = self.clock.boottime_ns()
        self.watch.take(
            [
                replace(BEGUN, tid=tid, remote=remote, boottime_ns=now),
                replace(BEGUN, tid=0, remote=remote, failed=True, boottime_ns=now + 9000),
            ]
        )

    def failing(self) -> list[tuple[str, int]]:
        assert self.watch.report is not None
        return [
            (each.remote, each.refused)
            for calls in self.watch.report.calls
            for each in calls.failing
        ]

    def state(self) -> tuple[SourceState, str]:
        row = next(row for row in self.board.health() if row.name == CONNECTIONS)
        return row.state, row.detail


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_stall(bench: Bench) -> None:
    """The fold lasts over the looks; processes are found now and then."""
    bench.sight.connections[KUBELET.pid] = (STUCK,)
    bench.look()
    report = bench.watch.report
    assert report is not None
    assert report.refusals_absent
    assert not report.stalled(report.calls[0])
    bench.board.up(DIALS)
    bench.look(9)
    bench.look(2)
    report = bench.watch.report
    assert report is not None
    (stalled,) = report.stalled(report.calls[0])
    assert stalled.trouble is Trouble.UNACKNOWLEDGED
    assert not report.refusals_absent
    assert bench.state() == (SourceState.UP, "")
    assert bench.sight.finds == 2
    assert FIND_NS == 10 * S


def test_nobody(bench: Bench) -> None:
    """A node with neither of them is told so, as absent."""
    bench.sight.callers = []
    bench.look()
    state, detail = bench.state()
    assert (state, detail) == (SourceState.ABSENT, "no process named kubelet or kube-apiserver")
    assert bench.watch.report is not None


def test_pods(bench: Bench) -> None:
    """A pod of another namespace may call itself what it likes; so may one without a name yet."""
    bench.sight.callers = [IN_POD]
    bench.look()
    assert bench.watch.report is not None
    (calls,) = bench.watch.report.calls
    assert calls.caller.names == Container(namespace="kube-system", pod="x")
    bench.namespace = "shop"
    bench.look(11)
    assert bench.watch.report.calls == ()


def test_refusals(bench: Bench) -> None:
    """A dial counts for whose thread began it; of the kubelet's only those to the API server."""
    bench.sight.callers = [KUBELET, API_SERVER]
    bench.look()
    bench.dialled(2001, WEBHOOK)
    bench.dialled(2001, WEBHOOK)
    bench.dialled(820, API)
    bench.dialled(820, "10.244.0.7:8080")  # a probe
    bench.dialled(777, "10.244.0.8:443")  # a thread of somebody else with the same name
    bench.look(1)
    assert bench.failing() == [(API, 1), (WEBHOOK, 2)]
    gap = SourceLost(source=DIALS, lost=3, detail="")
    bench.watch.take([gap])
    assert bench.lost == [gap]


def test_gone(bench: Bench) -> None:
    """Who has ended is looked for again at once; a new one begins anew."""
    bench.look()
    bench.dialled(820, API)
    bench.sight.connections[KUBELET.pid] = SourceAbsent(Absence.VANISHED, "No such process")
    bench.sight.callers = [replace(KUBELET, pid=900)]
    bench.look(1)
    assert bench.state()[0] is SourceState.UP
    assert bench.failing() == []
    assert bench.sight.finds == 2
    bench.look(1)
    assert bench.sight.finds == 2
    bench.sight.connections[900] = ParseError("inet_diag", b"")
    bench.look(1)
    assert bench.state()[0] is SourceState.DOWN
    bench.sight.connections[900] = SourceAbsent(Absence.UNSUPPORTED, "no inet_diag")
    bench.look(1)
    assert bench.state() == (SourceState.ABSENT, "kubelet[900]: no inet_diag")


def test_hangs(bench: Bench) -> None:
    """While looking hangs nothing is said, and it is told."""
    bench.look()
    hangs = bench.sight.hang = threading.Event()
    bench.watch.workers = Workers(1)

    async def look() -> None:
        with contextlib.suppress(TimeoutError):
            await bench.watch.workers.run(hangs.wait, deadline_seconds=0)
        await bench.watch.look()

    asyncio.run(look())
    assert bench.watch.report is None
    assert bench.state()[0] is SourceState.DOWN
    hangs.set()


def test_rhythm(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks more often while something is wrong."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        bench.sight.connections[KUBELET.pid] = (STUCK,)
        if len(slept) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr("agent.engine.heartbeat.asyncio.sleep", sleep)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(bench.watch.run())
    assert slept == [LOOK_SECONDS, SICK_SECONDS]
