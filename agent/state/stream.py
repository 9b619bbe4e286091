"""The numbered stream of events: each gets its number here, once, and goes to all who listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from agent.model.event import Event, EventKind
from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.state.position import Gap, GapReason, Kept, Order, Position, Span
from agent.state.record import Record, record_of
from agent.state.recovery import Recovered
from agent.state.subscription import Subscription
from agent.state.tail import Tail


class Archive(Protocol):
    """Where events outlive the memory; `Journal`, or `NoJournal`."""

    @property
    def recovered(self) -> Recovered: ...
    @property
    def spans(self) -> tuple[Span, ...]: ...
    def append(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool: ...
    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]: ...


class StreamStatistics(Struct, frozen=True, kw_only=True):
    """What the stream has done since the agent started."""

    stream_id: str
    next_sequence: int
    in_memory: int  # events
    subscribers: int
    subscriber_drops: int  # events that subscribers lost because they read too slowly


class EventStream:
    """Numbers events, keeps the newest, and gives them to subscribers. For the loop thread only."""

    def __init__(self, archive: Archive, boot_id: str, *, tail_events: int = 4096) -> None:
        found = archive.recovered
        self._archive = archive
        self._boot_id = boot_id
        self._stream_id = found.numbering.stream_id
        self._first = found.numbering.first_sequence
        self._next = found.numbering.next_sequence
        self.tail = Tail(tail_events, found.tail)
        self._order: Order | None = None
        self._ordered: tuple[tuple[Span, ...], bool] = ((), False)
        self._uncommitted: list[Record] = []
        self._subscriptions: set[Subscription] = set()
        self._drops_of_the_gone = 0
        self._closed = False

    def publish(self, kind: EventKind, now_boottime_ns: int, now_wall_ns: int) -> Event:
        """Number an event and give it to all subscribers; it is stored with the next `commit`.

        `CodecError` if it cannot be put on the wire; no number is used up then.
        """
        event = Event(
            stream_id=self._stream_id,
            sequence=self._next,
            boot_id=self._boot_id,
            boottime_ns=now_boottime_ns,
            wall_ns=now_wall_ns,
            kind=kind,
        )
        record = record_of(event)
        self._next += 1
        self._uncommitted.append(record)
        self.tail.append(Kept(record.stream_id, record.sequence, record.payload))
        for subscription in self._subscriptions:
            subscription.arrived()
        return event

    def commit(
        self,
        checkpoint: bytes | None = None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        """Hand what was published since the last commit to the journal, with its checkpoint and
        with what it adds to the counters of deaths and of OOM kills.

        The checkpoint claims all that was published so far; without one nothing claims it yet,
        and the counters of kills wait for the next. False: the journal's queue is full; see
        `Journal.append`.
        """
        records, self._uncommitted = self._uncommitted, []
        if not records and checkpoint is None and not exits and not kills:
            return True
        return self._archive.append(records, checkpoint, exits, kills)

    @property
    def head(self) -> Position:
        """The newest event; a resume token for whoever wants only what follows."""
        return Position(self._stream_id, self._next - 1)

    @property
    def order(self) -> Order:
        """All streams that are known, the present one last."""
        begun = self._next > self._first
        if self._order is None or self._ordered != (self._archive.spans, begun):
            self._ordered = (self._archive.spans, begun)
            older = [span for span in self._archive.spans if span.stream_id != self._stream_id]
            # The present stream's last sequence is never asked for: no stream comes behind it.
            last = self._first if begun else self._first - 1
            self._order = Order(
                [*older, Span(stream_id=self._stream_id, first=self._first, last=last)]
            )
        return self._order

    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]:
        """Stored events, for subscriptions."""
        return await self._archive.read_after(after, limit)

    def subscribe(self, resume: Position | None, queue_size: int) -> Subscription:
        """Subscribe to what follows `resume`, or (None) to what happens from now on.

        An empty stream id with a sequence means the numbering as a whole, as people type it: the
        stream that this sequence is in. `queue_size` is how many events the subscriber may lag,
        1 or more. Close the subscription when done.
        """
        start, index, gap = self._start(resume)
        lag = max(1, min(queue_size, self.tail.size))
        subscription = Subscription(self, start=start, index=index, gap=gap, lag=lag)
        if self._closed:
            subscription.end()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def _start(self, resume: Position | None) -> tuple[Position | None, int | None, Gap | None]:
        if resume is None:
            return self.head, self.tail.end, None
        if not resume.stream_id:
            resume = self._typed(resume.sequence)
        if resume.stream_id == self._stream_id:
            if resume.sequence >= self._next:
                return self.head, self.tail.end, self._future(resume)
            return resume, self.tail.after(resume, self.order), None
        span = self.order.find(resume.stream_id)
        if span is None:
            return None, None, _foreign("this stream is not known here: all that is held follows")
        if resume.sequence > span.last:
            gap = _foreign(
                "the agent died before all of this stream was stored: what follows is all that "
                "was stored or published since, and may tell known incidents again"
            )
            return Position(span.stream_id, span.last), None, gap
        return resume, self.tail.after(resume, self.order), None

    def _typed(self, sequence: int) -> Position:
        spans = [span for span in self._archive.spans if span.stream_id != self._stream_id]
        older = [span for span in spans if span.first <= sequence + 1]
        if sequence + 1 >= self._first or not spans:
            return Position(self._stream_id, sequence)
        chosen = older[-1] if older else spans[0]
        return Position(chosen.stream_id, min(sequence, chosen.last))

    def _future(self, token: Position) -> Gap:
        return Gap(
            reason=GapReason.FUTURE,
            detail=f"{token.sequence} is ahead of the stream, whose last event is "
            f"{self._next - 1}: only what happens from now on follows",
        )

    def forget(self, subscription: Subscription) -> None:
        """A subscription was closed."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._drops_of_the_gone += subscription.dropped

    def close(self) -> None:
        """Publish no more: store what is not yet, and end all subscriptions."""
        self._closed = True
        self.commit()
        for subscription in self._subscriptions:
            subscription.end()

    def statistics(self) -> StreamStatistics:
        """Counts as of now."""
        lost = sum(subscription.dropped for subscription in self._subscriptions)
        return StreamStatistics(
            stream_id=self._stream_id,
            next_sequence=self._next,
            in_memory=len(self.tail),
            subscribers=len(self._subscriptions),
            subscriber_drops=self._drops_of_the_gone + lost,
        )


def _foreign(detail: str) -> Gap:
    return Gap(reason=GapReason.FOREIGN, detail=detail)
