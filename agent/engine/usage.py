"""The rhythm of the sweep: once per interval all cgroups are read, and what follows is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.derive.usage import UsageFold
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.clock import Clock
from agent.model.rates import UsageReport
from agent.model.usage import Sweep
from agent.observe.sweep import Sweeper

USAGE = "usage"
MOST_OF_THE_TIME = 0.1
"""Where a sweep takes long (a thousand containers, a slow machine) they come less often."""
CATCHING_UP = 0.5
"""The same while some of a burst of new cgroups have not been read yet."""


@dataclass(slots=True, kw_only=True)
class UsageWatch:
    """Owns the last report. `hears` are told of each sweep."""

    sweeper: Sweeper
    clock: Clock
    board: SourceBoard
    guard: Guard
    hears: list[Callable[[Sweep], None]] = field(default_factory=list)
    report: UsageReport | None = None
    _fold: UsageFold = field(default_factory=UsageFold)

    async def run(self, interval_seconds: float) -> None:
        """Sweep once per interval, until cancelled."""
        while True:
            begun = self.clock.boottime_ns()
            await self.guard.run(USAGE, self.look())
            took = (self.clock.boottime_ns() - begun) / 1e9
            most = CATCHING_UP if self.sweeper.behind else MOST_OF_THE_TIME
            await asyncio.sleep(max(interval_seconds, took / most) - took)

    async def look(self) -> None:
        """One sweep."""
        for _ in self.sweeper.steps():
            await asyncio.sleep(0)
        sweep = self.sweeper.latest
        if sweep is None:
            return
        wall_ns = self.clock.wall_ns()
        for _ in self._fold.steps(sweep):
            await asyncio.sleep(0)
        self.report = UsageReport(wall_ns=wall_ns, sweep=sweep, derived=self._fold.derived)
        self.board.up(
            USAGE, f"{sweep.missed} missed: {self.sweeper.detail}" if sweep.missed else ""
        )
        self.board.count(USAGE, self.sweeper.records)
        for hear in self.hears:
            hear(sweep)
