"""Runs the hops side by side, a thread each: a slow one does not delay the clock of another."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from agent.drill.report import HopResult, Seen
from agent.host.absence import SourceAbsent
from agent.model.absence import ParseError


class HopError(Exception):
    """Not seen, and this stands in the way; it is tried again until the deadline."""


class Hop(Protocol):
    """One place that the kill must reach."""

    @property
    def name(self) -> str: ...

    @property
    def check(self) -> str:
        """What to look at when it missed the kill."""
        ...

    @property
    def interval_seconds(self) -> float:
        """The wait between two looks; 0 if `look` itself waits a little."""
        ...

    def look(self) -> Seen | None:
        """Whether the kill is there now; never blocks for long.

        Raises HopError, SourceAbsent, ParseError.
        """
        ...


class _Lookout(threading.Thread):
    def __init__(self, hop: Hop, stop: threading.Event) -> None:
        super().__init__(name=f"drill-{hop.name}", daemon=True)
        self.hop = hop
        self.seen: Seen | None = None
        self.obstacle = ""
        self._stop_event = stop

    def run(self) -> None:
        while not self._stop_event.is_set():
            try:
                self.seen = self.hop.look()
                self.obstacle = ""
            except (HopError, SourceAbsent, ParseError) as error:
                self.obstacle = str(error)
            if self.seen is not None:
                return
            if self.hop.interval_seconds or self.obstacle:
                self._stop_event.wait(self.hop.interval_seconds or 0.05)

    def result(self, killed_ns: int) -> HopResult:
        if self.seen is None:
            return HopResult(
                name=self.hop.name,
                latency_ns=None,
                published_ns=None,
                what=self.obstacle or "nothing",
                check=self.hop.check,
            )
        published = self.seen.published_ns
        return HopResult(
            name=self.hop.name,
            latency_ns=self.seen.boottime_ns - killed_ns,
            published_ns=None if published is None else published - killed_ns,
            what=self.seen.what,
            check="",
        )


class Watch:
    """All lookouts of one drill. Start it before the kill; `close` ends the threads."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        self._stop = threading.Event()
        self._lookouts = [_Lookout(hop, self._stop) for hop in hops]

    def start(self) -> None:
        """Begin to look."""
        for lookout in self._lookouts:
            lookout.start()

    def results(self, killed_ns: int, seconds: float) -> tuple[HopResult, ...]:
        """What each hop saw, once all did or after so long."""
        deadline = time.monotonic() + seconds
        for lookout in self._lookouts:
            lookout.join(max(deadline - time.monotonic(), 0))
        self._stop.set()
        return tuple(lookout.result(killed_ns) for lookout in self._lookouts)

    def close(self) -> None:
        """Stop looking; harmless when repeated. A thread that hangs is left behind."""
        self._stop.set()
        for lookout in self._lookouts:
            if lookout.is_alive():
                lookout.join(1)
