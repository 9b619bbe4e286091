"""agent.engine.kubelet and kubelet_healthz: looks, questions, and who was before."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.kubelet import HEALTHZ, NONE_HERE, KubeletWatch
from agent.engine.kubelet_healthz import HealthzProbe
from agent.engine.node_object import NodeObjectWatch
from agent.engine.runtime_former import Former
from agent.host.absence import SourceAbsent
from agent.host.worker import Abandoned, Workers
from agent.ledger.deaths import DeathBook
from agent.model.absence import Absence
from agent.model.afterlife import Task
from agent.model.kubelet import HealthAnswer, KubeletReport
from agent.model.memory import KubeletFacts
from agent.model.rates import Derived, Rates, Shares, UsageReport
from agent.model.runtime import DaemonProcess, ProcessKey, RungState
from agent.model.source import SourceState
from agent.model.usage import CgroupKind, Sweep
from agent.observe.kubelet import KubeletSight
from agent.parse.cgroup_path import place
from tests.engine.test_runtime_ladder import settle
from tests.observe.fakes import FakeClock
from tests.serve.kubelet_sample import BELIEF, PROCESS
from tests.serve.usage_sample import sample

S = 1_000_000_000
OK = HealthAnswer(status=200, text="ok")
FACTS = KubeletFacts(found="process 1044", config="/etc/k.yaml")
FIRST = replace(PROCESS, key=ProcessKey(pid=7, start_boottime_ns=S))
SECOND = replace(PROCESS, key=ProcessKey(pid=9, start_boottime_ns=5 * S))


class FakeSight:
    def __init__(self) -> None:
        self.now: DaemonProcess | None = FIRST
        self.asked: list[tuple[int | None, bool]] = []
        self.threads: list[bool] = []
        self.hangs = False

    def look(self, known: int | None, *, search: bool, threads: bool) -> DaemonProcess | None:
        self.asked.append((known, search))
        self.threads.append(threads)
        if self.hangs:
            raise Abandoned("did not return")
        return self.now


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=100 * S)
        self.board = SourceBoard(self.clock)
        self.sight = FakeSight()
        self.answers: asyncio.Queue[HealthAnswer | SourceAbsent] = asyncio.Queue()
        self.asked: list[tuple[str, int]] = []
        self.facts = FACTS
        self.usage: UsageReport | None = None
        self.changes: list[int] = []
        self.pods = False
        self.tasks: list[asyncio.Task[None]] = []
        self.watch = KubeletWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(1),
            sight=cast(KubeletSight, self.sight),
            probe=HealthzProbe(clock=self.clock, ask=self.ask, deadline_seconds=5.0),
            former=Former(deaths=DeathBook(), incidents=tuple),
            facts=lambda: self.facts,
            changed=lambda: self.changes.append(self.clock.now_ns),
            usage=lambda: self.usage,
            expected=lambda: self.pods,
            believed=None,
            port=0,
            spawn=self.spawn,
            interval_seconds=5.0,
        )

    async def ask(self, address: str, port: int) -> HealthAnswer:
        self.asked.append((address, port))
        answer = await self.answers.get()
        if isinstance(answer, SourceAbsent):
            raise answer
        return answer

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def look(self, seconds: float = 1) -> KubeletReport:
        self.clock.now_ns += int(seconds * S)
        await self.watch.look()
        await settle()
        assert self.watch.report is not None
        return self.watch.report

    async def answer(self, answer: HealthAnswer | SourceAbsent) -> KubeletReport:
        self.answers.put_nowait(answer)
        await settle()
        return await self.look(0)

    def source(self) -> SourceState:
        return next(row.state for row in self.board.health() if row.name == HEALTHZ)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_one_question_at_a_time(bench: Bench) -> None:
    """The next one comes so long after the end of the last."""
    await bench.look()
    await bench.look(4)
    report = await bench.answer(OK)
    assert bench.asked == [("127.0.0.1", 10248)]
    assert report.healthz is not None
    assert (report.healthz.state, report.healthz.detail) == (RungState.OK, "ok")
    assert (report.healthz.seconds, report.healthz.latency.count) == (4.0, 1)
    await bench.look(4)
    assert len(bench.asked) == 1
    await bench.look(1)
    assert len(bench.asked) == 2
    assert bench.source() is SourceState.UP


async def test_silence_is_told_once_and_ends_with_the_answer(bench: Bench) -> None:
    """Its deadline judges and does not cancel: the late answer has its whole time."""
    await bench.look()
    await bench.look(6)
    await bench.look(6)
    report = await bench.look(6)
    assert report.healthz is not None
    assert (report.healthz.state, report.healthz.seconds) == (RungState.SILENT, 18.0)
    assert report.healthz.silences == 1
    assert report.failing
    assert len(bench.asked) == 1
    report = await bench.answer(OK)
    assert report.healthz is not None
    assert (report.healthz.state, report.healthz.silences) == (RungState.OK, 1)
    assert report.healthz.latency.total_seconds == 18.0
    assert not report.failing


async def test_failures(bench: Bench) -> None:
    """An error and a refusal; a silence that ends so was one all the same."""
    await bench.look()
    report = await bench.answer(HealthAnswer(status=500, text="[-]syncloop failed"))
    assert report.healthz is not None
    assert (report.healthz.state, report.healthz.status) == (RungState.FAILED, 500)
    assert (report.healthz.failures, report.healthz.latency.count) == (1, 1)
    await bench.look(5)
    bench.clock.now_ns += 7 * S
    report = await bench.answer(SourceAbsent(Absence.FAILED, "refused"))
    assert report.healthz is not None
    assert (report.healthz.state, report.healthz.status) == (RungState.FAILED, None)
    counts = report.healthz.failures, report.healthz.silences, report.healthz.latency.count
    assert counts == (2, 1, 1)


async def test_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is never answered ends, and stays a silence."""
    monkeypatch.setattr("agent.engine.kubelet_healthz.ABANDON_SECONDS", 0.0)
    probe = bench.watch.probe
    await probe.run("::1", 10250)
    assert not probe.asking
    healthz = probe.standing()
    assert healthz is not None
    assert (healthz.state, healthz.address) == (RungState.SILENT, "[::1]:10250")


async def test_dead_and_back(bench: Bench) -> None:
    """It is searched for in each look for a minute, then now and then; another is a restart."""
    await bench.look()
    bench.sight.now = None
    report = await bench.look()
    assert bench.sight.asked == [(None, True), (7, True)]
    assert (report.process, report.failing) == (None, True)
    assert report.former is not None
    assert report.former.key.pid == 7
    await bench.look()
    assert bench.sight.asked[-1] == (None, True)
    await bench.look(61)
    assert bench.sight.asked[-1] == (None, False)
    bench.sight.now = SECOND
    report = await bench.look()
    assert (report.process, report.restarts) == (SECOND, 1)
    await bench.look()
    assert bench.changes == [101 * S, 165 * S]  # its files are read anew, and not else


async def test_threads(bench: Bench) -> None:
    """Now and then, and in each look while one of them is blocked or something is wrong."""
    blocked = Task(pid=7, tid=8, comm="kubelet", state="D", start_boottime_ns=1)
    await bench.look()
    bench.sight.now = replace(FIRST, blocked=(blocked,))
    await bench.look()
    await bench.look()
    bench.sight.now = replace(FIRST, state="T")
    await bench.look()
    await bench.look()
    assert bench.sight.threads == [True, False, True, True, True]


async def test_throttled(bench: Bench) -> None:
    """What its own unit used, and nobody else's."""
    shares = Shares(waiting=0.9, stalled=0.0)
    one = sample(2, 1, kind=CgroupKind.SERVICE, at=place("/system.slice/kubelet.service"))
    rates = Rates(seconds=10.0, cpu_pressure=shares, throttled_ratio=0.97)
    bench.usage = UsageReport(
        wall_ns=1,
        sweep=Sweep(started_boottime_ns=1, ended_boottime_ns=1, samples={one.id: one}),
        derived={one.id: Derived(rates=rates)},
    )
    report = await bench.look()
    assert (report.throttled_ratio, report.cpu_waiting) == (0.97, 0.9)
    bench.sight.now = replace(FIRST, unit="other.service")
    report = await bench.look()
    assert (report.throttled_ratio, report.cpu_waiting) == (None, None)


async def test_none_here(bench: Bench) -> None:
    """No process, none before it: only pods and a configuration say that there should be one."""
    bench.sight.now = None
    report = await bench.look()
    assert (report.absent, report.failing, bench.asked) == (NONE_HERE, False, [])
    assert bench.source() is SourceState.ABSENT
    bench.pods = True
    report = await bench.look()
    assert (report.absent, report.failing) == ("", True)
    assert len(bench.asked) == 1
    assert bench.source() is SourceState.UP


async def test_off_and_unread(bench: Bench) -> None:
    """A port of 0 is not asked; nor is a port that was not read yet."""
    bench.facts = KubeletFacts()
    await bench.look()
    assert bench.asked == []
    bench.facts = replace(FACTS, healthz_port=0)
    report = await bench.look()
    assert (bench.asked, report.healthz) == ([], None)
    assert "healthzPort: 0" in report.healthz_off
    assert not report.failing


async def test_belief(bench: Bench) -> None:
    """What the API server believes is in the report, or why that is not known."""
    believed = SimpleNamespace(belief=None, unknown="answers 403")
    bench.watch.believed = cast(NodeObjectWatch, believed)
    report = await bench.look()
    assert (report.belief, report.belief_unknown) == (None, "answers 403")
    believed.belief, believed.unknown = BELIEF, ""
    report = await bench.look()
    assert (report.belief, report.belief_unknown) == (BELIEF, "")


async def test_a_look_that_hangs(bench: Bench) -> None:
    """Then nothing is known, and it is said."""
    await bench.look()
    bench.sight.hangs = True
    await bench.watch.look()
    assert bench.watch.report is None
    assert bench.source() is SourceState.DOWN
