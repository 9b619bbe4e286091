"""PressureWatch with triggers that fire when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from agent.config.settings import Pressure as Settings
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.pressure import LOOK_TICKS, PressureWatch
from agent.host.absence import SourceAbsent
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.host.pressure import PressureFiles
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.event import PressureCrossed
from agent.model.pressure import PressureReport, Resource, Scope
from agent.observe.pressure import PressureSampler
from tests.observe.fakes import FakeClock

S = 10**9
KEY = (Scope.NODE, Resource.MEMORY)


def text(total: int) -> str:
    return f"some avg10=1.00 avg60=2.00 avg300=3.00 total={total}\n"


@dataclass
class FakeTrigger:
    number: int
    stall_us: int
    window_us: int
    detail: str = ""
    total: int = 0
    gone: bool = False
    useless: bool = False
    closed: bool = False

    def fileno(self) -> int:
        return self.number

    def read(self) -> bytes:
        if self.gone:
            raise SourceAbsent(Absence.VANISHED, "gone")
        return text(self.total).encode()

    def broken(self) -> bool:
        return self.useless

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeLoop:
    readers: dict[int, Callable[[], Any]] = field(default_factory=dict)

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        self.readers[fd] = lambda: callback(*args)

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]


@dataclass
class Bench:
    top: Path
    watch: PressureWatch
    clock: FakeClock
    loop: FakeLoop
    triggers: dict[tuple[Scope, Resource], FakeTrigger]
    told: list[PressureCrossed]

    def tick(self) -> PressureReport:
        self.watch.tick(cast(asyncio.AbstractEventLoop, self.loop))
        assert self.watch.report is not None
        return self.watch.report

    def fire(self, total: int) -> None:
        trigger = self.triggers[KEY]
        trigger.total = total
        self.loop.readers[trigger.number]()

    @property
    def detail(self) -> str:
        [row] = [row for row in self.watch.board.health() if row.name == "pressure"]
        return row.detail


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "proc/pressure").mkdir(parents=True)
    (tmp_path / "cgroup").mkdir()
    for resource in Resource:
        (tmp_path / "proc/pressure" / resource.value).write_text(text(1000))
    triggers: dict[tuple[Scope, Resource], FakeTrigger] = {}
    real = PressureSampler.arm

    def arm(
        self: PressureSampler, scope: Scope, resource: Resource, stall_us: int, window_us: int
    ) -> object:
        if scope is not Scope.NODE:
            return real(self, scope, resource, stall_us, window_us)
        made = FakeTrigger(100 + len(triggers), stall_us, window_us)
        triggers[scope, resource] = made
        return made

    monkeypatch.setattr(PressureSampler, "arm", arm)
    clock = FakeClock(now_ns=10 * S)
    board = SourceBoard(clock)
    told: list[PressureCrossed] = []
    fs = CgroupV2(MemoryHierarchy(mode=CgroupMode.V2, mount_point=tmp_path / "cgroup"))
    watch = PressureWatch(
        settings=Settings(io=0.0, hold=5.0),
        files=PressureFiles(HostRoot.at(tmp_path), fs),
        clock=clock,
        board=board,
        guard=Guard(board),
        tell=told.append,
        names=lambda place: None,
    )
    return Bench(tmp_path, watch, clock, FakeLoop(), triggers, told)


def test_first_firing_is_held_against_the_counter(bench: Bench) -> None:
    """A trigger that fires though nothing has stalled since it was armed is not believed."""
    bench.tick()
    stall_us = bench.triggers[KEY].stall_us
    bench.fire(stall_us - 1)
    assert not bench.told
    assert not bench.tick().current
    bench.fire(stall_us)
    assert len(bench.told) == 1


def test_armed_or_why_not(bench: Bench) -> None:
    """Each trigger has a state; a kubepods that is not there yet limits nothing."""
    report = bench.tick()
    states = {(state.scope, state.resource): state for state in report.triggers}
    assert len(states) == 6
    assert states[KEY].armed
    assert states[Scope.NODE, Resource.IO].detail == "switched off by pressure.io"
    assert states[Scope.KUBEPODS, Resource.MEMORY].detail == "there is no cgroup of kubepods"
    assert len(bench.loop.readers) == 2
    assert bench.detail == "triggers of node io: switched off by pressure.io"


def test_an_episode_is_told_twice(bench: Bench) -> None:
    bench.tick()
    bench.clock.now_ns += S
    bench.fire(251_000)
    bench.clock.now_ns += S
    bench.fire(651_000)
    assert [crossed.episode.over for crossed in bench.told] == [False]
    assert bench.told[0].episode.window_stall_us == 250_000
    assert len(bench.tick().current) == 1
    bench.clock.now_ns += 5 * S
    report = bench.tick()
    assert [crossed.episode.over for crossed in bench.told] == [False, True]
    assert (report.current, len(report.last)) == ((), 1)
    assert report.triggers[0].fired == 2


def test_a_cgroup_that_is_gone(bench: Bench) -> None:
    """Its trigger would be readable for ever: it is closed, and armed anew later."""
    bench.tick()
    first = bench.triggers[KEY]
    first.gone = True
    bench.fire(1)
    assert first.closed
    assert first.number not in bench.loop.readers
    assert not bench.told
    for _ in range(LOOK_TICKS):
        bench.tick()
    report = bench.tick()
    assert report.triggers[0].armed
    assert bench.triggers[KEY] is not first


def test_a_trigger_that_does_not_stop(bench: Bench) -> None:
    """The kernel fires once a window: what comes sooner, and says error, is given up."""
    bench.tick()
    bench.triggers[KEY].useless = True
    bench.fire(251_000)
    bench.clock.now_ns += S // 100
    bench.fire(251_000)
    assert bench.triggers[KEY].closed
    assert bench.tick().triggers[0].detail == "the kernel has given it up"


def test_without_psi(bench: Bench) -> None:
    """The source is absent, not broken, and the report says why."""
    (bench.top / "proc/pressure/memory").unlink()
    report = bench.tick()
    assert "psi=1" in report.absent
    assert not bench.watch.board.is_up("pressure")


def test_close(bench: Bench) -> None:
    bench.tick()
    bench.watch.close(cast(asyncio.AbstractEventLoop, bench.loop))
    assert not bench.loop.readers
    assert all(trigger.closed for trigger in bench.triggers.values())
