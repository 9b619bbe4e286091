"""The agent's own pulse: by how much its event loop is late for a timer.

While the loop is late, nothing is detected and nobody is answered; what made it late may be a part
of the agent that does not give way, or a node on which the agent gets no CPU, or its own pages are
read from a slow disk.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct, field

from agent.host.clock import Clock
from agent.model.latency import Latency

BEAT_SECONDS = 0.25
WINDOW_NS = 60 * 1_000_000_000
WINDOWS = 5


class Pulse(Struct, kw_only=True):
    """Owns the histogram, and the longest lag of each of the last minutes."""

    clock: Clock
    lag: Latency = field(default_factory=Latency)
    _longest: dict[int, float] = field(default_factory=dict)  # by minute of the clock

    async def run(self) -> None:
        """Beat for ever, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.beat(max(0.0, loop.time() - due), self.clock.boottime_ns())

    def beat(self, late_seconds: float, now_ns: int) -> None:
        """One timer, so late."""
        self.lag = self.lag.plus(late_seconds)
        minute = now_ns // WINDOW_NS
        self._longest[minute] = max(self._longest.get(minute, 0.0), late_seconds)
        if len(self._longest) > WINDOWS:
            self._longest = {m: s for m, s in self._longest.items() if m > minute - WINDOWS}

    def longest_seconds(self, now_ns: int) -> float:
        """The longest lag in the last five minutes."""
        since = now_ns // WINDOW_NS - WINDOWS
        return max((s for minute, s in self._longest.items() if minute > since), default=0.0)
