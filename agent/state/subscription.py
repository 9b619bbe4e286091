"""One subscriber to the stream of events: what it has got, and what it gets next.

A subscriber has no queue of its own: it stands at a place among the events in memory, and its
"queue" is what lies between that place and the newest event. So replay and live events are one
thing, with no seam that could lose an event or give one twice. What is too old for the memory is
read from the journal in pages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import Protocol

from msgspec import Struct

from agent.api.codec import event_from_bytes
from agent.api.v1 import event_pb2
from agent.state.position import Gap, GapReason, Kept, Order, Position, missing
from agent.state.reader import ReplayError
from agent.state.tail import Tail

BATCH_EVENTS = 100
PAGE_EVENTS = 500


class Delivery(Struct, frozen=True, kw_only=True):
    """What a subscriber gets at a time: events in order, or a gap; and where it then stands."""

    events: tuple[event_pb2.Event, ...] = ()  # at most 100; the receiver's own
    gap: Gap | None = None
    position: Position  # the token to resume with


class Feed(Protocol):
    """What a subscription needs of the stream that it subscribes to."""

    @property
    def tail(self) -> Tail: ...
    @property
    def order(self) -> Order: ...
    @property
    def head(self) -> Position: ...
    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]: ...
    def forget(self, subscription: Subscription) -> None: ...


class Subscription:
    """An async iterator of `Delivery`, for one reader; ends when it or the stream is closed.

    While it catches up it may take as long as it likes. Once it has, it may lag at most
    `queue_size` events: then the oldest are lost to it, counted, and told by one gap.
    """

    def __init__(
        self, feed: Feed, *, start: Position | None, index: int | None, gap: Gap | None, lag: int
    ) -> None:
        """Stand at `index` of the tail, or (None) behind `start` in the journal.

        `start` None: before the oldest event that is held.
        """
        self._feed = feed
        self._at = start  # the last event given, or the last one that is known to be missing
        self._index = index
        self._gap = gap
        self._queue_size = lag
        self._page: deque[Kept] = deque()
        self._caught_up = index is not None and index == feed.tail.end
        self._overrun: tuple[int, int] | None = None
        self._unread = ""  # why the journal could not be read
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.dropped = 0  # events lost because the reader was too slow

    @property
    def position(self) -> Position:
        """Where the subscriber stands."""
        if self._at is not None:
            return self._at
        oldest = self._feed.tail.oldest()
        spans = self._feed.order.spans
        if spans:
            return Position(spans[0].stream_id, spans[0].first - 1)
        return self._feed.head if oldest is None else _before(oldest)

    def arrived(self) -> None:
        """The stream has a new event."""
        if self._caught_up and self._index is not None:
            lost = self._feed.tail.end - self._index - self._queue_size
            if lost > 0:
                self._lose(lost)
        self._wake()

    def _lose(self, count: int) -> None:
        # Since the reader had caught up, all that came is of the present stream, without holes.
        assert self._index is not None
        head = self._feed.head
        last = head.sequence - (self._feed.tail.end - self._index) + count
        first = self._overrun[0] if self._overrun else last - count + 1
        self._overrun = first, last
        self._index += count
        self.dropped += count

    def end(self) -> None:
        """The stream is closed: give what is in memory, then end."""
        self._closed = True
        self._wake()

    def close(self) -> None:
        """The reader wants no more; the iterator ends at once."""
        self._feed.forget(self)
        self._index, self._gap, self._overrun = self._feed.tail.end, None, None
        self._page.clear()
        self.end()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Delivery:
        while True:
            delivery = self._next()
            if delivery is not None:
                return delivery
            if self._closed:
                raise StopAsyncIteration
            if self._index is None:
                await self._read()
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _next(self) -> Delivery | None:
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return Delivery(gap=gap, position=self.position)
        if self._page:
            return self._give(list(islice(self._page, BATCH_EVENTS)))
        if self._index is not None and self._index < self._feed.tail.first:
            self._index = None  # it was too slow even for the memory: the journal may have it
        if self._index is None:
            return None
        if self._overrun is not None:
            return self._tell_overrun(self._overrun)
        if self._index < self._feed.tail.end:
            return self._give(list(islice(self._feed.tail.since(self._index), BATCH_EVENTS)))
        self._caught_up = True
        return None

    def _tell_overrun(self, lost: tuple[int, int]) -> Delivery:
        self._overrun = None
        self._at = Position(self._feed.head.stream_id, lost[1])
        gap = Gap(
            reason=GapReason.OVERRUN,
            first_missing=lost[0],
            last_missing=lost[1],
            detail=f"read faster: at most {self._queue_size} events wait for a subscriber. "
            "Subscribe again with a token from before the gap to have them replayed.",
        )
        return Delivery(gap=gap, position=self._at)

    def _give(self, upcoming: list[Kept]) -> Delivery:
        """The next events that follow each other, at most 100; or the gap before them."""
        given: list[Kept] = []
        order = self._feed.order
        for event in upcoming:
            if self._at is not None and not order.follows(self._at, event.position):
                break
            given.append(event)
            self._at = event.position
        if not given:
            return self._tell_expired(upcoming[0])
        if self._page:
            for _ in given:
                self._page.popleft()
        elif self._index is not None:
            self._index += len(given)
            self._caught_up |= self._index == self._feed.tail.end
        self._unread = ""
        events = tuple(event_from_bytes(event.payload) for event in given)
        return Delivery(events=events, position=given[-1].position)

    def _tell_expired(self, event: Kept) -> Delivery:
        assert self._at is not None
        first, last = missing(self._at, event.position)
        self._at = _before(event)
        detail = "the journal does not hold these events: they were pruned, or never stored"
        if self._unread:
            detail, self._unread = f"the journal could not be read: {self._unread}", ""
        gap = Gap(reason=GapReason.EXPIRED, first_missing=first, last_missing=last, detail=detail)
        return Delivery(gap=gap, position=self._at)

    async def _read(self) -> None:
        """Stand in the memory again if that holds what is next, else read a page of the journal."""
        if self._at is not None:
            self._index = self._feed.tail.after(self._at, self._feed.order)
            if self._index is not None:
                return
        try:
            self._page.extend(await self._feed.read_after(self._at, PAGE_EVENTS))
        except ReplayError as error:
            self._unread = str(error)
        if self._closed:
            self._page.clear()
        elif not self._page:
            # What is next is not on the disk: go on with the oldest in memory, behind a gap if any.
            self._index = self._feed.tail.first


def _before(event: Kept) -> Position:
    return Position(event.stream_id, event.sequence - 1)
