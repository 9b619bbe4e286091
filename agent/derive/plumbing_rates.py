"""How fast the counters of the node's network rise: a pure fold.

A counter that falls has wrapped, or its CPU went offline: that look says nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent.model.plumbing import Conntrack, Neighbours, PlumbingRates, PlumbingSample, Softnet

WINDOW_NS = 10 * 1_000_000_000


class PlumbingFold:
    """Keeps the samples of the window, and the last one before it."""

    def __init__(self) -> None:
        self._kept: deque[PlumbingSample] = deque()

    def take(self, sample: PlumbingSample) -> PlumbingRates:
        """One look, and what follows from it."""
        self._kept.append(sample)
        while len(self._kept) > 2 and sample.boottime_ns - self._kept[1].boottime_ns >= WINDOW_NS:
            self._kept.popleft()
        first = self._kept[0]
        seconds = (sample.boottime_ns - first.boottime_ns) / 1e9
        if seconds <= 0:
            return PlumbingRates(window_seconds=0.0)

        def tracked(field: Callable[[Conntrack], int | None]) -> float | None:
            if first.conntrack is None or sample.conntrack is None:
                return None
            return _rate(field(first.conntrack), field(sample.conntrack), seconds)

        def soft(field: Callable[[Softnet], int]) -> float | None:
            if first.softnet is None or sample.softnet is None:
                return None
            return _rate(field(first.softnet), field(sample.softnet), seconds)

        return PlumbingRates(
            window_seconds=seconds,
            conntrack_drops=tracked(lambda c: None if c.counters is None else c.counters.drop),
            conntrack_insert_failed=tracked(
                lambda c: None if c.counters is None else c.counters.insert_failed
            ),
            conntrack_early_drops=tracked(
                lambda c: None if c.counters is None else c.counters.early_drop
            ),
            softnet_drops=soft(lambda s: s.dropped),
            softnet_squeezes=soft(lambda s: s.squeezed),
            neighbour_fulls=_fulls(first.neighbours, sample.neighbours, seconds),
        )


def _rate(before: int | None, now: int | None, seconds: float) -> float | None:
    if before is None or now is None or now < before:
        return None
    return (now - before) / seconds


def _fulls(
    before: tuple[Neighbours, ...], now: tuple[Neighbours, ...], seconds: float
) -> dict[int, float]:
    then = {table.version: table.table_fulls for table in before}
    found = {}
    for table in now:
        rate = _rate(then.get(table.version), table.table_fulls, seconds)
        if rate is not None:
            found[table.version] = rate
    return found
