"""The newest events, in memory: what most readers want, and all there is while the disk hangs.

Each event has an index, which rises by one and never means another event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from agent.state.position import Kept, Order, Position


class Tail:
    """At most `size` events, oldest first; indexes from `first` up to, not including, `end`."""

    def __init__(self, size: int, events: Iterable[Kept]) -> None:
        self.size = size
        self._events = deque(events, maxlen=size)
        self.end = len(self._events)

    @property
    def first(self) -> int:
        return self.end - len(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Kept) -> None:
        """The newest event; the oldest goes if there are too many."""
        self._events.append(event)
        self.end += 1

    def oldest(self) -> Kept | None:
        return self._events[0] if self._events else None

    def since(self, index: int) -> Iterator[Kept]:
        """The events from an index on that are still held."""
        return islice(self._events, max(0, index - self.first), None)

    def after(self, position: Position, order: Order) -> int | None:
        """The index of the first event behind a position; None if older ones may be on the disk.

        May be `end`: the position is the newest event.
        """
        oldest = self.oldest()
        if oldest is None:
            return None
        key = order.key(position)
        if order.key(oldest) > key and not order.follows(position, oldest.position):
            return None
        index = self.end
        for event in reversed(self._events):
            if order.key(event) <= key:
                break
            index -= 1
        return index
