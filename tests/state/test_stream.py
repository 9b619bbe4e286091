from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.codec import CodecError, event_to_model
from agent.model.event import AgentStarted, Event
from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.state.journal import Journal
from agent.state.position import Gap, GapReason, Kept, Numbering, Order, Position, Span
from agent.state.reader import ReplayError
from agent.state.record import Record
from agent.state.recovery import Recovered
from agent.state.stream import EventStream
from agent.state.subscription import Delivery, Subscription
from tests.state.making import BOOT, SOON, Disk, kept, note

OLD = Span(stream_id="old", first=1, last=10)


@dataclass
class Shelf:
    """An archive in memory: holds what it is told to, answers at once."""

    recovered: Recovered
    spans: tuple[Span, ...] = ()
    events: list[Kept] = field(default_factory=list)
    appends: list[tuple[int, bytes | None]] = field(default_factory=list)
    storing: bool = True
    broken: bool = False

    def append(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        self.appends.append((len(records), checkpoint))
        if self.storing:
            self.events += [Kept(r.stream_id, r.sequence, r.payload) for r in records]
        return self.storing

    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]:
        if self.broken:
            raise ReplayError("no answer")
        if after is None:
            return tuple(self.events[:limit])
        spans = [*self.spans, Span(stream_id="new", first=11, last=10**9)]
        key = Order(spans).key
        return tuple([event for event in self.events if key(event) > key(after)][:limit])


def _shelf(*, tail: int = 10) -> Shelf:
    """An earlier agent published 1 to 10 of "old"; this one goes on with 11 of "new"."""
    past = kept(range(1, 11), stream="old")
    numbering = Numbering(stream_id="new", first_sequence=11, next_sequence=11)
    found = Recovered(numbering=numbering, spans=(OLD,), tail=tuple(past[len(past) - tail :]))
    return Shelf(found, (OLD,), past)


def _publish(stream: EventStream, count: int) -> list[Event]:
    events = [stream.publish(note(n), n, n) for n in range(count)]
    stream.commit()
    return events


async def _take(subscription: Subscription, until: Position) -> list[Delivery]:
    deliveries: list[Delivery] = []
    async with asyncio.timeout(SOON):
        while subscription.position != until:
            deliveries.append(await anext(subscription))
    return deliveries


async def _told(subscription: Subscription, until: Position) -> list[object]:
    """What a subscriber is told: numbers of events, and gaps as (reason, first, last)."""
    told: list[object] = []
    for delivery in await _take(subscription, until):
        told += [event.sequence for event in delivery.events]
        if delivery.gap is not None:
            gap = delivery.gap
            told.append((gap.reason.value, gap.first_missing, gap.last_missing))
    return told


def test_numbering() -> None:
    """Events are stamped with stream, sequence and boot, from where the journal says."""
    stream = EventStream(_shelf(), BOOT)
    first, second = _publish(stream, 2)
    assert (first.stream_id, first.sequence, second.sequence) == ("new", 11, 12)
    assert (second.boot_id, second.boottime_ns, second.wall_ns) == (BOOT, 1, 1)
    assert stream.head == ("new", 12)


def test_event_that_cannot_be_encoded() -> None:
    """An event that has no wire form is refused, and uses up no number."""
    stream = EventStream(_shelf(), BOOT)
    with pytest.raises(CodecError):
        stream.publish(AgentStarted(version="1", pid=2**40), 0, 0)
    assert _publish(stream, 1)[0].sequence == 11


def test_commit() -> None:
    """A commit hands over all that was published since the last one, with its checkpoint."""
    shelf = _shelf()
    stream = EventStream(shelf, BOOT)
    stream.publish(note(1), 0, 0)
    stream.publish(note(2), 0, 0)
    assert stream.commit(b"two")
    stream.commit()
    stream.commit(b"still two")
    stream.publish(note(3), 0, 0)
    stream.close()
    assert shelf.appends == [(2, b"two"), (0, b"still two"), (1, None)]


async def test_live() -> None:
    """Without a token a subscriber gets what is published from then on, as it was published."""
    stream = EventStream(_shelf(), BOOT)
    _publish(stream, 3)
    subscription = stream.subscribe(None, 10)
    assert subscription.position == ("new", 13)
    waiting = asyncio.ensure_future(anext(subscription))
    asyncio.get_running_loop().call_soon(_publish, stream, 2)
    (event,) = (await waiting).events[:1]
    assert (event.sequence, event.stream_id) == (14, "new")
    assert event_to_model(event).kind == note(0)


async def test_batches_are_bounded() -> None:
    """Never more than 100 events at a time, in order."""
    stream = EventStream(_shelf(), BOOT)
    subscription = stream.subscribe(None, 1000)
    _publish(stream, 250)
    deliveries = await _take(subscription, stream.head)
    assert [len(delivery.events) for delivery in deliveries] == [100, 100, 50]
    assert [delivery.position.sequence for delivery in deliveries] == [110, 210, 260]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (("new", 12), [13]),
        (("new", 11), [12, 13]),
        (("old", 10), [11, 12, 13]),  # all of the old stream was received: no gap
        (("old", 8), [9, 10, 11, 12, 13]),
        (("old", 11), [("foreign-stream", None, None), 11, 12, 13]),  # beyond what was stored
        (("who", 3), [("foreign-stream", None, None), *range(1, 14)]),
        (("new", 99), [("future", None, None)]),
        (("", 12), [13]),
        (("", 9), [10, 11, 12, 13]),
        (("", 0), list(range(1, 14))),
        (("", 99), [("future", None, None)]),
    ],
)
@pytest.mark.parametrize("tail", [10, 3, 0])
async def test_resume(token: tuple[str, int], told: list[object], tail: int) -> None:
    """A token is honoured wherever the events are; one that cannot be is told why."""
    stream = EventStream(_shelf(tail=tail), BOOT, tail_events=max(tail, 3))
    _publish(stream, 3)
    subscription = stream.subscribe(Position(*token), 9)
    _publish(stream, 1)  # a token of the future has nothing else to be told of
    assert await _told(subscription, stream.head) == [*told, 14]


async def test_future_goes_on_live() -> None:
    """Behind the gap of a token from the future comes what happens from then on."""
    stream = EventStream(_shelf(), BOOT)
    subscription = stream.subscribe(Position("new", 99), 9)
    gap = (await anext(subscription)).gap
    assert gap is not None
    assert "99 is ahead of the stream" in gap.detail
    _publish(stream, 1)
    assert await _told(subscription, stream.head) == [11]


async def test_expired() -> None:
    """What the journal has pruned is one gap with its numbers, then all that is held follows."""
    shelf = _shelf(tail=0)
    del shelf.events[:6]
    stream = EventStream(shelf, BOOT, tail_events=2)
    _publish(stream, 1)
    told = await _told(stream.subscribe(Position("old", 2), 9), stream.head)
    assert told == [("expired", 3, 6), 7, 8, 9, 10, 11]


async def test_hole() -> None:
    """Events that were dropped before they were stored are a gap for whoever reads across them."""
    shelf = _shelf()
    stream = EventStream(shelf, BOOT, tail_events=2)
    _publish(stream, 1)
    shelf.storing = False
    _publish(stream, 3)
    shelf.storing = True
    _publish(stream, 3)
    told = await _told(stream.subscribe(Position("old", 10), 9), stream.head)
    assert told == [11, ("expired", 12, 14), 15, 16, 17]


async def test_hole_in_the_recovered_tail() -> None:
    """The same where the memory was filled from the file."""
    shelf = _shelf(tail=0)
    found = Recovered(
        numbering=shelf.recovered.numbering, spans=(OLD,), tail=tuple(kept([7, 10], stream="old"))
    )
    stream = EventStream(Shelf(found, (OLD,)), BOOT)
    told = await _told(stream.subscribe(Position("old", 7), 9), Position("old", 10))
    assert told == [("expired", 8, 9), 10]


async def test_journal_that_cannot_be_read() -> None:
    """If the disk does not answer, the gap says so, and what is in memory follows."""
    shelf = _shelf(tail=0)
    shelf.broken = True
    stream = EventStream(shelf, BOOT, tail_events=2)
    _publish(stream, 3)
    deliveries = await _take(stream.subscribe(Position("old", 4), 9), stream.head)
    gap = deliveries[0].gap
    assert gap is not None
    assert (gap.reason, gap.first_missing, gap.last_missing) == (GapReason.EXPIRED, 5, 11)
    assert "could not be read: no answer" in gap.detail
    assert [event.sequence for event in deliveries[1].events] == [12, 13]


async def test_overrun() -> None:
    """A slow reader loses the oldest, gets one gap with their numbers, and they are counted."""
    stream = EventStream(_shelf(), BOOT)
    slow, quick = stream.subscribe(None, 3), stream.subscribe(None, 9)
    _publish(stream, 8)
    assert await _told(slow, stream.head) == [("overrun", 11, 15), 16, 17, 18]
    assert await _told(quick, stream.head) == list(range(11, 19))
    assert (slow.dropped, stream.statistics().subscriber_drops) == (5, 5)
    _publish(stream, 5)
    assert await _told(slow, stream.head) == [("overrun", 19, 20), 21, 22, 23]
    slow.close()
    assert stream.statistics().subscriber_drops == 7


async def test_queue_longer_than_the_memory() -> None:
    """A subscriber's queue is never longer than the memory: the gap comes from the right number."""
    stream = EventStream(_shelf(tail=0), BOOT, tail_events=4)
    slow = stream.subscribe(None, 1000)
    _publish(stream, 6)
    assert await _told(slow, stream.head) == [("overrun", 11, 12), 13, 14, 15, 16]


async def test_catching_up_is_not_overrun() -> None:
    """While a reader replays, it may lag as far as it likes; live events come behind the replay."""
    stream = EventStream(_shelf(), BOOT, tail_events=5)
    _publish(stream, 5)
    reader = stream.subscribe(Position("old", 0), 1)
    first = await anext(reader)
    _publish(stream, 50)
    told = [event.sequence for event in first.events] + await _told(reader, stream.head)
    assert told == list(range(1, 66))
    assert stream.statistics().subscriber_drops == 0


async def test_close() -> None:
    """When the stream closes, subscribers get what is in memory and then end; so do new ones."""
    stream = EventStream(_shelf(), BOOT)
    live, idle = stream.subscribe(None, 9), stream.subscribe(None, 9)
    waiting = asyncio.ensure_future(anext(idle))
    _publish(stream, 2)
    await waiting
    at_the_end = asyncio.ensure_future(anext(idle, None))
    asyncio.get_running_loop().call_soon(stream.close)
    assert await at_the_end is None
    assert [[e.sequence for e in delivery.events] async for delivery in live] == [[11, 12]]
    assert [delivery async for delivery in stream.subscribe(None, 9)] == []


async def test_subscriber_closes() -> None:
    """A subscription that is closed ends at once and is no longer counted."""
    stream = EventStream(_shelf(tail=0), BOOT)
    for token in (None, Position("old", 1), Position("who", 1)):
        subscription = stream.subscribe(token, 9)
        _publish(stream, 1)
        assert stream.statistics().subscribers == 1
        subscription.close()
        assert [delivery async for delivery in subscription] == []
        assert stream.statistics().subscribers == 0


async def test_cancelled_reader() -> None:
    """A reader whose wait was cancelled loses nothing."""
    stream = EventStream(_shelf(), BOOT)
    subscription = stream.subscribe(None, 9)
    waiting = asyncio.ensure_future(anext(subscription))
    asyncio.get_running_loop().call_soon(waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    _publish(stream, 1)
    assert await _told(subscription, stream.head) == [11]


def test_gap_on_the_wire() -> None:
    """A gap has its reason in the API's words; unknown numbers stay absent."""
    wire = Gap(reason=GapReason.OVERRUN, first_missing=3, detail="read faster").to_wire()
    assert (wire.reason, wire.first_missing, wire.detail) == ("overrun", 3, "read faster")
    assert not wire.HasField("last_missing")


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["publish", "read", "prune", "drop"]), st.integers(1, 12)),
        max_size=30,
    ),
    token=st.integers(0, 10),
    tail=st.integers(1, 12),
    queue=st.integers(1, 12),
)
async def test_each_event_once_or_in_a_gap(
    steps: list[tuple[str, int]], token: int, tail: int, queue: int
) -> None:
    """Whatever happens, a subscriber is told of each number once: by its event, or by a gap."""
    shelf = _shelf(tail=min(tail, 10))
    stream = EventStream(shelf, BOOT, tail_events=tail)
    subscription = stream.subscribe(Position("old", token), queue)
    _publish(stream, 1)
    told: list[int] = []
    overrun = 0

    async def read(most: int) -> None:
        nonlocal overrun
        while most and subscription.position != stream.head:
            most -= 1
            delivery = await anext(subscription)
            told.extend(event.sequence for event in delivery.events)
            if delivery.gap is not None:
                first, last = delivery.gap.first_missing, delivery.gap.last_missing
                assert first is not None
                assert last is not None
                told.extend(range(first, last + 1))
                if delivery.gap.reason is GapReason.OVERRUN:
                    overrun += last + 1 - first

    actions: dict[str, Callable[[int], object]] = {
        "publish": lambda count: _publish(stream, count),
        "prune": lambda count: shelf.events.__delitem__(slice(count)),
        "drop": lambda count: setattr(shelf, "storing", count % 2 == 0),
    }
    for action, count in steps:
        if action == "read":
            await read(count)
        else:
            actions[action](count)
    await read(-1)
    assert told == list(range(token + 1, stream.head.sequence + 1))
    assert overrun == subscription.dropped


async def test_replay_from_the_real_journal(disk: Disk) -> None:
    """Across three agents, one of them killed, a subscriber gets every stored event once."""
    expected: list[tuple[str, int]] = []

    def run() -> tuple[Journal, EventStream]:
        journal = disk.journal(tail_events=10)
        stream = EventStream(journal, BOOT, tail_events=10)
        expected.extend((e.stream_id, e.sequence) for e in _publish(stream, 600))
        assert journal.wait_stored(stream.head.sequence, SOON)
        return journal, stream

    journal, stream = run()
    stream.close()
    assert journal.close(SOON)
    run()
    disk.leave()  # as SIGKILL does: the file stays as it is, marked unclean
    journal, stream = run()
    subscription = stream.subscribe(Position(*expected[0]), 1000)
    told = [
        (event.stream_id, event.sequence)
        for delivery in await _take(subscription, stream.head)
        for event in delivery.events
    ]
    assert told == expected[1:]
    assert len({stream_id for stream_id, _ in told}) == 2
    journal.close(SOON)
