"""The CPUs: where their time goes, and how many tasks wait for one, every other second.

All reading is done in a worker that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from agent.derive.cpu_shares import CpuShares
from agent.engine.board import SourceBoard
from agent.engine.ground import Ground
from agent.engine.guard import Guard
from agent.host.clock import Clock
from agent.host.cpu import CpuFiles
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.cpu import CPUReport
from agent.model.pressure import PressureReport, Resource, Scope

CPU = "cpu"
LOOK_SECONDS = 2.0
READ_SECONDS = 5.0


class CpuWatch(Struct, kw_only=True):
    """Owns the fold and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    files: CpuFiles
    pressure: Callable[[], PressureReport | None]
    report: CPUReport | None = None
    _fold: CpuShares = field(default_factory=CpuShares)
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(CPU, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round."""
        try:
            stat, load = await self.workers.run(self.files.read, deadline_seconds=READ_SECONDS)
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(CPU, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        self._looks += 1
        self.board.up(CPU)
        self.board.count(CPU, self._looks)
        now, wall = self.clock.boottime_ns(), self.clock.wall_ns()
        self.report = self._fold.take(stat, load, self._waiting(), now, wall)

    def _waiting(self) -> float | None:
        report = self.pressure()
        level = None if report is None else report.level(Scope.NODE, Resource.CPU)
        return None if level is None else level.some_avg10 / 100


def watch_cpu(ground: Ground, pressure: Callable[[], PressureReport | None]) -> CpuWatch:
    """With a thread of its own."""
    return CpuWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(1, name="cpu"),
        files=CpuFiles(ground.root),
        pressure=pressure,
    )
