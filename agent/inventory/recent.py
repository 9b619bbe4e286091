"""The recently dead: kept for a while and up to a number, so that late evidence finds its names."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class RecentlyDead(Generic[K]):
    """Keys in the order of their death."""

    def __init__(self, *, keep_ns: int, limit: int) -> None:
        self._keep_ns = keep_ns
        self._limit = limit
        self._died_ns: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._died_ns)

    def __contains__(self, key: K) -> bool:
        return key in self._died_ns

    def bury(self, key: K, now_ns: int) -> None:
        """The key died now; a second death of the same key is the one that counts."""
        self._died_ns.pop(key, None)
        self._died_ns[key] = now_ns

    def revive(self, key: K) -> None:
        """It was no death after all. Unknown keys are ignored."""
        self._died_ns.pop(key, None)

    def forget(self, now_ns: int) -> Iterator[K]:
        """Give up, one by one, those that died too long ago or are too many: the oldest first."""
        while self._died_ns:
            oldest = next(iter(self._died_ns))
            young = now_ns - self._died_ns[oldest] <= self._keep_ns
            if young and len(self._died_ns) <= self._limit:
                return
            del self._died_ns[oldest]
            yield oldest
