"""How long something took, as a histogram: fixed bounds, counts that only grow."""

from __future__ import annotations

from bisect import bisect_left

from msgspec import Struct
from msgspec.structs import replace

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds; the last bucket has none."""
STALL_SECONDS = 1.0
"""An event loop that is so late has stalled."""


class Latency(Struct, frozen=True, kw_only=True):
    """`counts` has one more member than BOUNDS: what took longer than all of them."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total_seconds: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def above(self, bound: float) -> int:
        """How many took longer than this one of BOUNDS."""
        return sum(self.counts[BOUNDS.index(bound) + 1 :])

    def plus(self, seconds: float) -> Latency:
        """With one more; a duration equal to a bound is within it."""
        counts = list(self.counts)
        counts[bisect_left(BOUNDS, seconds)] += 1
        return replace(self, counts=tuple(counts), total_seconds=self.total_seconds + seconds)
