"""agent.engine.runtime: looks and probes, who was before, and shims."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.runtime import RUNTIME, RuntimeWatch
from agent.engine.runtime_creations import CreationSight
from agent.engine.runtime_former import LEARN_SECONDS, Former, killed
from agent.engine.runtime_shims import (
    MAKING_SECONDS,
    MISSING_LISTINGS,
    YOUNG_SECONDS,
    Shims,
)
from agent.host.absence import SourceAbsent
from agent.host.runtime_process import RuntimeProcesses
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.ledger.deaths import DeathBook
from agent.model.absence import Absence, ParseError
from agent.model.afterlife import Task
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.cni import CNICall
from agent.model.creation import CreationStep
from agent.model.death import ProcessExit, SignalSent
from agent.model.oom import Container, OOMIncident, Victim
from agent.model.runtime import ProcessKey, Rung, RungState, Shim
from agent.model.source import SourceState
from agent.observe.runtime import RuntimeSight, Sight
from agent.parse.shim_flags import ShimFlags
from tests.engine.test_runtime_ladder import Bench as LadderBench
from tests.engine.test_runtime_ladder import settle
from tests.serve.runtime_sample import PROCESS

S = 1_000_000_000
SOCKET = Path("/run/x.sock")
FIRST = replace(PROCESS, key=ProcessKey(pid=640, start_boottime_ns=5 * S), state="S")
SECOND = replace(PROCESS, key=ProcessKey(pid=998, start_boottime_ns=90 * S), state="S")
ORPHAN = Shim(key=ProcessKey(pid=70, start_boottime_ns=S), state="S")
KEPT = Shim(key=ProcessKey(pid=71, start_boottime_ns=2 * S), state="S")
FLAGS = {
    70: ShimFlags(namespace="k8s.io", id="gone"),
    71: ShimFlags(namespace="k8s.io", id="a"),
    72: ShimFlags(namespace="moby", id="docker"),
    73: ShimFlags(namespace="k8s.io", id="young"),
    74: ShimFlags(namespace="k8s.io", id="container"),
}


class FakeProcesses:
    def shim_flags(self, pid: int) -> ShimFlags:
        if pid == 75:
            raise SourceAbsent(Absence.DENIED, "no")
        if pid == 76:
            raise ParseError("a shim's -id", b"")
        return FLAGS[pid]


class FakeSight:
    """What the kernel shows next."""

    def __init__(self) -> None:
        self.now = Sight(path=SOCKET, file=931, process=FIRST)
        self.asked: list[tuple[tuple[int | None, ...], bool, bool]] = []
        self.hang: asyncio.Event | None = None

    def look(self, pids: Iterable[int | None], *, list_processes: bool, threads: bool) -> Sight:
        self.asked.append((tuple(pids), list_processes, threads))
        return self.now


class Bench(LadderBench):
    def __init__(self) -> None:
        super().__init__()
        self.board = SourceBoard(self.clock)
        self.sight = FakeSight()
        self.deaths = DeathBook()
        self.incidents: list[OOMIncident] = []
        self.probes: list[asyncio.Task[None]] = []
        self.pods = False
        self.calls: tuple[CNICall, ...] = ()
        self.blocked: BlockedReport | None = None
        self.unmade: set[str] = set()  # sandboxes that never had a cgroup
        workers = Workers(2)
        self.watch = RuntimeWatch(
            path=SOCKET,
            off="",
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=workers,
            sight=cast(RuntimeSight, self.sight),
            ladder=self.ladder,
            former=Former(deaths=self.deaths, incidents=lambda: self.incidents),
            shims=Shims(
                processes=cast(RuntimeProcesses, FakeProcesses()),
                workers=workers,
                is_container=lambda identity: identity == "container",
                pod=lambda identity: Container(pod="web") if identity == "a" else None,
                had_cgroup=lambda identity: identity not in self.unmade,
            ),
            creations=CreationSight(
                inventory=Inventory("v2"),
                calls=lambda: self.calls,
                listing=lambda: None,
                stalled_after=120.0,
            ),
            blocked=lambda: self.blocked,
            expected=lambda: self.pods,
            spawn=self.spawn,
            interval_seconds=5.0,
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        self.probes.append(asyncio.create_task(work))
        return self.probes[-1]

    async def look(self, seconds: int = 1) -> None:
        self.clock.now_ns += seconds * S
        await self.watch.look()
        await settle()

    def source(self) -> SourceState:
        return next(row.state for row in self.board.health() if row.name == RUNTIME)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_probes(bench: Bench) -> None:
    """One at a time, so long after the end of the last."""
    await bench.look()
    assert len(bench.probes) == 1
    for _ in range(4):
        await bench.look()
    assert len(bench.probes) == 1
    await bench.look()
    assert len(bench.probes) == 2
    assert bench.watch.report is not None
    assert [step.state for step in bench.watch.report.steps] == [RungState.OK] * 5
    assert (bench.watch.report.name, bench.watch.report.sandboxes) == ("containerd", 1)
    assert bench.source() is SourceState.UP
    bench.runtime.held[Rung.VERSION] = asyncio.Event()
    for _ in range(30):
        await bench.look()
    assert len(bench.probes) == 3
    assert bench.watch.report.failing is not None
    assert bench.watch.report.failing.rung is Rung.VERSION
    assert bench.sight.asked[-1] == ((998, 640), False, True)
    bench.runtime.held[Rung.VERSION].set()
    await settle()
    await bench.look()
    assert bench.watch.report.failing is None


async def test_socket_gone(bench: Bench) -> None:
    """Nothing is asked without its file; another file is another socket, and another connection."""
    await bench.look()
    bench.sight.now = Sight(path=SOCKET, file_absent="/run/x.sock: gone", process=FIRST)
    await bench.look(6)
    assert bench.watch.report is not None
    assert bench.watch.report.failing is not None
    assert bench.watch.report.failing.rung is Rung.SOCKET
    assert bench.watch.report.failing.detail == "/run/x.sock: gone"
    assert len(bench.probes) == 1
    assert bench.runtime.closed == 0
    bench.sight.now = Sight(path=SOCKET, file=932, process=FIRST)
    await bench.look()
    assert bench.runtime.closed == 1
    assert len(bench.probes) == 2
    assert bench.watch.report.failing is None


async def test_no_runtime(bench: Bench) -> None:
    """A host without one is no broken host; one with pods is."""
    bench.sight.now = Sight(path=SOCKET, file_absent="gone")
    await bench.look()
    assert bench.watch.report is not None
    assert "no socket at /run/x.sock" in bench.watch.report.absent
    assert bench.watch.report.steps == ()
    assert bench.source() is SourceState.ABSENT
    bench.pods = True
    await bench.look()
    assert bench.watch.report.failing is not None
    assert bench.source() is SourceState.UP


async def test_no_cri(bench: Bench) -> None:
    """A containerd that serves Docker alone is absent, and silent about."""
    bench.runtime.errors[Rung.VERSION] = SourceAbsent(Absence.UNSUPPORTED, "no CRI v1 there")
    await bench.look()
    await bench.look()
    assert bench.watch.report is not None
    assert bench.watch.report.absent == "no CRI v1 there"
    assert bench.source() is SourceState.ABSENT


async def test_off(bench: Bench) -> None:
    bench.watch.off = "switched off by sources.cri"
    await bench.watch.run()
    assert bench.watch.report is not None
    assert bench.watch.report.absent == "switched off by sources.cri"
    assert bench.sight.asked == []


async def test_former(bench: Bench) -> None:
    """Who ended, how, and who came after; what is told late is learned late."""
    await bench.look()
    bench.sight.now = Sight(path=SOCKET, file=931)
    await bench.look()
    report = bench.watch.report
    assert report is not None
    assert report.process is None
    assert report.former is not None
    assert (report.former.key, report.former.end) == (
        FIRST.key,
        "it has ended; how is not known",
    )
    now = bench.clock.now_ns
    bench.deaths.sent(sent(now))
    bench.deaths.ended(exit_(now))
    bench.sight.now = Sight(path=SOCKET, file=931, process=SECOND)
    await bench.look()
    report = bench.watch.report
    assert report is not None
    assert (report.process, report.restarts) == (SECOND, 1)
    assert report.former is not None
    assert report.former.end == "signal 9 killed it, by sh[7]"
    bench.incidents.append(incident(640, now))
    await bench.look()
    assert bench.watch.report is not None
    assert bench.watch.report.former is not None
    assert bench.watch.report.former.end == "the kernel OOM-killed it"
    await bench.look()
    assert bench.watch.report.restarts == 1


def sent(now: int) -> SignalSent:
    return SignalSent(
        boottime_ns=now,
        signal=9,
        code=0,
        sender_pid=7,
        sender_comm="sh",
        target_pid=640,
        target_comm="containerd",
        to_group=True,
        delivered=True,
    )


def exit_(now: int, code: int | None = None) -> ProcessExit:
    return ProcessExit(
        pid=640,
        parent_pid=1,
        boottime_ns=now,
        exit_code=code,
        signal=9 if code is None else None,
    )


def incident(pid: int, boottime_ns: int) -> OOMIncident:
    victim = Victim(pid=pid, comm="containerd", start_boottime_ns=5 * S + 7)
    return OOMIncident(
        id="x", boot_id="b", revision=1, boottime_ns=boottime_ns, wall_ns=1, victims=(victim,)
    )


def test_killed() -> None:
    """The very process: its pid and its start."""
    key = FIRST.key
    assert killed([incident(640, 50 * S)], key)
    assert not killed([incident(641, 50 * S)], key)
    assert not killed([incident(640, 4 * S)], key)
    assert not killed([incident(640, 50 * S)], replace(key, start_boottime_ns=8 * S))


def test_exit_code_and_late_news() -> None:
    """An end by itself; what is told long after is another process's."""
    deaths = DeathBook()
    former = Former(deaths=deaths, incidents=list)
    assert former.turn(FIRST, None, 100 * S) is None
    assert former.turn(None, None, 101 * S) is None
    deaths.ended(exit_(100 * S, code=1))
    former.turn(None, None, int((101 + LEARN_SECONDS) * S))
    assert former.last is not None
    assert former.last.exit_code is None
    former.turn(None, None, 102 * S)
    assert former.last.end == "it exited with code 1"
    assert former.restarts == 0


async def test_orphans(bench: Bench) -> None:
    """Two whole answers without its sandbox; not a young one, another namespace's, or one of a
    container; what cannot be read says why.
    """
    young = ProcessKey(pid=73, start_boottime_ns=bench.clock.now_ns)
    others = [
        Shim(key=ProcessKey(pid=pid, start_boottime_ns=S), state="S") for pid in (72, 74, 75, 76)
    ]
    shims = (ORPHAN, KEPT, *others, Shim(key=young, state="S"))

    async def look(listings: int) -> dict[int, Shim]:
        bench.ladder.listings = listings
        await bench.watch.shims.take(shims, bench.ladder, bench.clock.now_ns)
        return {shim.key.pid: shim for shim in bench.watch.shims.known or ()}

    assert not any(shim.orphan for shim in (await look(0)).values())
    bench.ladder.sandboxes = frozenset("a")
    assert not any(shim.orphan for shim in (await look(1)).values())
    assert not any(shim.orphan for shim in (await look(1)).values())
    found = await look(2)
    assert {pid for pid, shim in found.items() if shim.orphan} == {70}
    assert (found[75].unread, found[76].unread) == ("no", "expected a shim's -id, got ''")
    assert found[71].sandbox_id == "a"
    bench.ladder.sandboxes = frozenset(("a", "gone"))
    assert not any(shim.orphan for shim in (await look(3)).values())


async def test_no_orphan_while_it_is_made(bench: Bench) -> None:
    """A sandbox that has not come to run yet is no orphan before the runtime has given up."""
    bench.ladder.sandboxes = frozenset("a")
    begun = bench.clock.now_ns
    shims = (replace(ORPHAN, key=ProcessKey(pid=70, start_boottime_ns=begun)),)

    async def orphan(seconds: float, making: frozenset[str] = frozenset()) -> bool:
        for _ in range(MISSING_LISTINGS):
            bench.ladder.listings += 1
            now = begun + int(seconds * S)
            await bench.watch.shims.take(shims, bench.ladder, now, making)
        (shim,) = bench.watch.shims.known or ()
        return shim.orphan

    bench.unmade.add("gone")
    assert not await orphan(YOUNG_SECONDS)
    assert not await orphan(MAKING_SECONDS - 1)
    assert await orphan(MAKING_SECONDS)
    bench.unmade.clear()
    assert await orphan(YOUNG_SECONDS)
    assert not await orphan(YOUNG_SECONDS, frozenset(("gone",)))


async def test_blocked_and_in_the_making(bench: Bench) -> None:
    """A thread that is not the shim's first; a plugin that works on a pod's network."""
    shims = (KEPT, replace(ORPHAN, namespace="k8s.io"))
    bench.sight.now = replace(bench.sight.now, shims=shims)
    await bench.look()
    assert bench.watch.report is not None
    assert not bench.watch.report.blocked_known
    now = bench.clock.now_ns
    task = Task(
        pid=71,
        tid=75,
        comm="containerd-shim",
        state="D",
        start_boottime_ns=3 * S,
        wchan="io_schedule",
        since_boottime_ns=now - 20 * S,
    )
    bench.blocked = BlockedReport(
        boottime_ns=now,
        wall_ns=1,
        looked_boottime_ns=now,
        blocked_after_seconds=10.0,
        tasks=(BlockedTask(task=task, switches=1),),
    )
    bench.calls = (
        CNICall(
            pid=80,
            start_boottime_ns=now - 4 * S,
            plugin="/opt/cni/bin/bridge",
            started_boottime_ns=now - 3 * S,
            parent_pid=998,
            command="ADD",
            container_id="b",
        ),
    )
    await bench.look()
    report = bench.watch.report
    assert report.blocked_known
    assert [shim.blocked for shim in report.shims or ()] == [(), (task,)]
    steps = {(each.step, each.names.id) for each in report.creations}
    assert (CreationStep.NETWORK, "b") in steps
