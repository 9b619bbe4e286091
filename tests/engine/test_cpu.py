"""agent.engine.cpu, on this machine."""

from __future__ import annotations

from agent.engine.board import SourceBoard
from agent.engine.cpu import CPU, CpuWatch
from agent.engine.guard import Guard
from agent.host.cpu import CpuFiles
from agent.host.worker import Abandoned, Workers
from agent.model.cpu import CPUReport, Load, NodeStat
from agent.model.pressure import Level, PressureReport, Resource, Scope
from agent.model.source import SourceState
from agent.model.usage import Pressure
from tests.host.this_host import HOST
from tests.observe.fakes import FakeClock

WAITS = Level(
    scope=Scope.NODE, resource=Resource.CPU, pressure=Pressure(some_us=1, some_avg10=61.0)
)


def read(watch: CpuWatch) -> CPUReport | None:
    return watch.report


class Hanging(CpuFiles):
    def read(self) -> tuple[NodeStat, Load]:
        raise Abandoned("did not return")


async def test_look() -> None:
    """A report, until reading hangs."""
    clock = FakeClock(now_ns=1)
    board = SourceBoard(clock)
    pressure: list[PressureReport | None] = [None]
    watch = CpuWatch(
        clock=clock,
        board=board,
        guard=Guard(board),
        workers=Workers(1),
        files=CpuFiles(HOST),
        pressure=lambda: pressure[0],
    )
    await watch.look()
    first = read(watch)
    assert first is not None
    assert first.cpus >= 1
    assert first.load is not None
    assert first.waiting_ratio is None
    assert board.is_up(CPU)
    pressure[0] = PressureReport(boottime_ns=1, wall_ns=1, levels=(WAITS,))
    await watch.look()
    again = read(watch)
    assert again is not None
    assert again.waiting_ratio == 0.61
    watch.files = Hanging(HOST)
    await watch.look()
    assert read(watch) is None
    (row,) = [row for row in board.health() if row.name == CPU]
    assert row.state is SourceState.DOWN
