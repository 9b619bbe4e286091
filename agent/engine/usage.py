"""The rhythm of the sweep: once per interval all cgroups are read, and what follows is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from agent.derive.usage import UsageFold
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.clock import Clock
from agent.model.rates import UsageReport
from agent.model.usage import Sweep
from agent.observe.sweep import Sweeper

USAGE = "usage"
MOST_OF_A_CORE = 0.1
"""Where a sweep costs much (a thousand containers, a slow machine) they come less often. What
counts is processor time: one that waits for its turns on a busy event loop costs no more for it.
"""
CATCHING_UP = 0.5
"""The same while some of a burst of new cgroups have not been read yet."""


class UsageWatch(Struct, kw_only=True):
    """Owns the last report. `hears` are told of each sweep."""

    sweeper: Sweeper
    clock: Clock
    board: SourceBoard
    guard: Guard
    hears: list[Callable[[Sweep], None]] = field(default_factory=list)
    processor_ns: Callable[[], int] = time.thread_time_ns
    report: UsageReport | None = None
    _spent_ns: int = 0  # of processor time, in all sweeps
    _fold: UsageFold = field(default_factory=UsageFold)

    async def run(self, interval_seconds: float) -> None:
        """Sweep once per interval, until cancelled."""
        while True:
            begun, spent = self.clock.boottime_ns(), self._spent_ns
            await self.guard.round(USAGE, self.look())
            took = (self.clock.boottime_ns() - begun) / 1e9
            cost = (self._spent_ns - spent) / 1e9
            most = CATCHING_UP if self.sweeper.behind else MOST_OF_A_CORE
            await asyncio.sleep(max(interval_seconds, cost / most) - took)

    async def look(self) -> None:
        """One sweep."""
        await self._in_turns(self.sweeper.steps())
        sweep = self.sweeper.latest
        if sweep is None:
            return
        wall_ns = self.clock.wall_ns()
        await self._in_turns(self._fold.steps(sweep))
        self.report = UsageReport(wall_ns=wall_ns, sweep=sweep, derived=self._fold.derived)
        self.board.up(
            USAGE, f"{sweep.missed} missed: {self.sweeper.detail}" if sweep.missed else ""
        )
        self.board.count(USAGE, self.sweeper.records)
        for hear in self.hears:
            hear(sweep)

    async def _in_turns(self, steps: Iterator[None]) -> None:
        """All steps, with a round of the event loop between two."""
        more = True
        while more:
            begun = self.processor_ns()
            try:
                more = next(steps, self) is not self
            finally:
                self._spent_ns += self.processor_ns() - begun
            await asyncio.sleep(0)
