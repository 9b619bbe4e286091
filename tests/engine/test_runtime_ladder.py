"""agent.engine.runtime_ladder: one question open at a time, judged and not cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from agent.engine.runtime_ladder import Ladder
from agent.host.absence import SourceAbsent
from agent.host.cri import CriSandbox, CriVersion
from agent.model.absence import Absence
from agent.model.runtime import Rung, RungState, Step
from tests.observe.fakes import FakeClock

T = TypeVar("T")
S = 1_000_000_000
GONE = SourceAbsent(Absence.FAILED, "connections are refused")
OK, SILENT, FAILED, UNTRIED = (
    *(RungState.OK, RungState.SILENT, RungState.FAILED, RungState.UNTRIED),
)


class FakeRuntime:
    """Answers what it is told to; a rung that is held is silent until it is let go."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.errors: dict[Rung, SourceAbsent] = {}
        self.held: dict[Rung, asyncio.Event] = {}
        self.asked: list[Rung] = []
        self.closed = 0
        self.sandboxes: tuple[str, ...] = ("a",)

    async def _answer(self, rung: Rung, value: T) -> T:
        self.asked.append(rung)
        if rung in self.held:
            await self.held[rung].wait()
        if rung in self.errors:
            raise self.errors[rung]
        return value

    def connect(self) -> Awaitable[int | None]:
        return self._answer(Rung.CONNECT, 998)

    async def version(self) -> CriVersion:
        return await self._answer(Rung.VERSION, CriVersion(name="containerd", version="1"))

    async def conditions(self) -> dict[str, tuple[bool, str]]:
        return await self._answer(Rung.STATUS, {"RuntimeReady": (True, "")})

    async def list_sandboxes(self) -> tuple[CriSandbox, ...]:
        return await self._answer(
            Rung.LIST,
            tuple(
                CriSandbox(id=name, namespace="", pod="", pod_uid="", ready=True)
                for name in self.sandboxes
            ),
        )

    async def close(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=100 * S)
        self.runtime = FakeRuntime(self.clock)
        self.ladder = Ladder(
            clock=self.clock,
            runtime=self.runtime,
            connect=self.runtime.connect,
            deadlines={Rung.CONNECT: 1.0, Rung.VERSION: 3.0, Rung.STATUS: 5.0, Rung.LIST: 10.0},
        )

    def states(self) -> list[RungState]:
        return [step.state for step in self.ladder.steps()]

    def step(self, rung: Rung) -> Step:
        return next(step for step in self.ladder.steps() if step.rung is rung)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def settle() -> None:
    """Let the probe run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_climb(bench: Bench) -> None:
    """All rungs in order, and what their answers said."""
    assert bench.states() == [UNTRIED] * 4
    await bench.ladder.climb()
    assert bench.runtime.asked == [Rung.CONNECT, Rung.VERSION, Rung.STATUS, Rung.LIST]
    assert bench.states() == [OK] * 4
    assert bench.ladder.pid == 998
    assert bench.ladder.sandboxes == frozenset("a")
    assert bench.ladder.conditions == {"RuntimeReady": (True, "")}
    assert not bench.ladder.climbing
    assert bench.ladder.ended_ns == 100 * S


async def test_failure(bench: Bench) -> None:
    """The first rung that fails ends the probe; what is above it is not known any more."""
    await bench.ladder.climb()
    bench.runtime.errors[Rung.VERSION] = GONE
    await bench.ladder.climb()
    assert bench.states() == [OK, FAILED, UNTRIED, UNTRIED]
    version = bench.step(Rung.VERSION)
    assert (version.detail, version.failures) == ("connections are refused", 1)
    assert bench.step(Rung.LIST).latency.count == 1
    del bench.runtime.errors[Rung.VERSION]
    await bench.ladder.climb()
    assert bench.states() == [OK] * 4
    assert bench.step(Rung.VERSION).detail == ""


@pytest.mark.parametrize("absence", [Absence.DENIED, Absence.UNSUPPORTED])
async def test_blind(bench: Bench, absence: Absence) -> None:
    """That we may not ask, or that it serves no CRI, is nothing against the runtime."""
    bench.runtime.errors[Rung.VERSION] = SourceAbsent(absence, "no CRI there")
    await bench.ladder.climb()
    blind = bench.ladder.blind
    assert (blind is not None and blind.detail) == "no CRI there"
    assert bench.states() == [OK, UNTRIED, UNTRIED, UNTRIED]
    del bench.runtime.errors[Rung.VERSION]
    await bench.ladder.climb()
    assert not bench.ladder.blind
    assert bench.states() == [OK] * 4


async def test_silence(bench: Bench) -> None:
    """A deadline judges and does not cancel; the late answer is measured, and the climb goes on."""
    await bench.ladder.climb()
    bench.runtime.held[Rung.STATUS] = asyncio.Event()
    probe = asyncio.create_task(bench.ladder.climb())
    await settle()
    bench.clock.now_ns += 4 * S
    assert bench.states() == [OK] * 4
    bench.clock.now_ns += 2 * S
    assert bench.states() == [OK, OK, SILENT, UNTRIED]
    bench.clock.now_ns += 30 * S
    status = bench.step(Rung.STATUS)
    assert (status.seconds, status.silences) == (36.0, 1)
    assert bench.ladder.climbing
    asked = len(bench.runtime.asked)
    await settle()
    assert len(bench.runtime.asked) == asked
    bench.runtime.held[Rung.STATUS].set()
    await probe
    assert bench.states() == [OK] * 4
    status = bench.step(Rung.STATUS)
    assert (status.seconds, status.latency.count) == (36.0, 2)
    assert status.latency.total_seconds == 36.0


async def test_given_up(bench: Bench) -> None:
    """A question that was given up after its deadline was silent, not an error."""
    bench.runtime.held[Rung.VERSION] = asyncio.Event()
    bench.runtime.errors[Rung.VERSION] = GONE
    probe = asyncio.create_task(bench.ladder.climb())
    await settle()
    bench.clock.now_ns += 120 * S
    bench.runtime.held[Rung.VERSION].set()
    await probe
    version = bench.step(Rung.VERSION)
    assert (version.state, version.seconds) == (SILENT, 120.0)
    assert not bench.ladder.climbing
