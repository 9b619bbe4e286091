from __future__ import annotations

import pytest

from agent.model.exits import ExitCount, Verdict
from agent.model.oom import OOMCount, OOMCounter, OOMSum
from agent.state.backlog import Backlog
from agent.state.batch import Batch
from tests.state.making import SOON, record, records


def _backlog(events: int = 4, size: int = 1 << 20) -> Backlog:
    return Backlog(limit_events=events, limit_bytes=size, append_bytes=size)


def _take(backlog: Backlog, limit_bytes: int = 1 << 20) -> Batch:
    batch = backlog.take(limit_bytes=limit_bytes, timeout=SOON)
    assert batch is not None
    return batch


def _sequences(batch: Batch) -> list[int]:
    return [r.sequence for r in batch.records]


def test_all_that_waits_is_one_batch() -> None:
    """Appends are taken together, with the newest checkpoint of them."""
    backlog = _backlog()
    backlog.offer(records([1]), b"one")
    backlog.offer(records([2, 3]), None)
    batch = _take(backlog)
    assert (_sequences(batch), batch.checkpoint, batch.dropped) == ([1, 2, 3], b"one", 0)


def test_batches_are_bounded() -> None:
    """A batch does not grow beyond its bytes; what is left is the next one, with its checkpoint."""
    backlog = _backlog()
    backlog.offer(records([1]), b"one")
    backlog.offer(records([2]), b"two")
    first = _take(backlog, limit_bytes=1)
    second = _take(backlog, limit_bytes=1)
    assert (_sequences(first), first.checkpoint) == ([1], b"one")
    assert (_sequences(second), second.checkpoint) == ([2], b"two")


def test_full() -> None:
    """What does not fit is dropped whole and counted, and its checkpoint is dropped with it."""
    backlog = _backlog(events=3)
    assert backlog.offer(records([1, 2]), b"two")
    assert not backlog.offer(records([3, 4]), b"four")
    assert (backlog.dropped, backlog.events, backlog.last_offered) == (2, 2, 4)
    assert _take(backlog).checkpoint == b"two"


def test_written_events_still_count() -> None:
    """What is being written keeps its place in the queue until it is committed."""
    backlog = _backlog(events=2)
    backlog.offer(records([1, 2]), None)
    batch = _take(backlog)
    assert not backlog.offer(records([3]), None)
    backlog.settle(batch)
    assert backlog.offer(records([4]), None)


def test_a_claim_carries_what_was_dropped() -> None:
    """The next checkpoint that is taken claims the dropped events too, and says how many."""
    backlog = _backlog(events=1)
    backlog.offer(records([1]), b"one")
    backlog.offer(records([2]), b"two")
    backlog.offer(records([3]), b"three")
    backlog.settle(_take(backlog))
    assert backlog.offer(records([4]), b"four")
    batch = _take(backlog)
    assert (_sequences(batch), batch.checkpoint, batch.dropped) == ([4], b"four", 2)
    backlog.settle(batch)
    backlog.offer(records([5]), None)
    assert _take(backlog).dropped == 0


def test_checkpoint_alone() -> None:
    """A checkpoint without events goes with the append that waits last; many need no room."""
    backlog = _backlog()
    backlog.offer(records([1]), b"one")
    for number in range(100):
        assert backlog.offer([], b"%d" % number)
    batch = _take(backlog)
    assert (_sequences(batch), batch.checkpoint) == ([1], b"99")
    assert backlog.take(limit_bytes=1, timeout=0) is None


def test_a_checkpoint_claims_what_was_offered_by_then() -> None:
    """With it, before it and dropped; not what came later and is taken in one batch with it."""
    backlog = _backlog(events=3)
    backlog.offer(records([1]), None)
    backlog.offer(records([2, 3]), b"three")
    assert not backlog.offer(records([4]), b"four")
    first = _take(backlog)
    assert (_sequences(first), first.checkpoint, first.claimed) == ([1, 2, 3], b"three", 3)
    backlog.settle(first)
    backlog.offer([], b"alone")
    backlog.offer(records([5]), None)
    alone = _take(backlog)
    assert (_sequences(alone), alone.checkpoint, alone.claimed) == ([5], b"alone", 4)
    backlog.offer(records([6]), b"six")
    backlog.offer(records([7]), None)
    batch = _take(backlog)
    assert (_sequences(batch), batch.checkpoint, batch.claimed) == ([6, 7], b"six", 6)


def test_checkpoint_alone_behind_a_drop() -> None:
    """While events do not fit, a checkpoint that claims dropped ones waits as long as they do."""
    backlog = _backlog(events=1)
    backlog.offer(records([1]), b"one")
    backlog.offer(records([2]), b"two")
    assert not backlog.offer([], b"later")
    batch = _take(backlog)
    assert (batch.checkpoint, batch.dropped) == (b"one", 0)
    backlog.settle(batch)
    assert backlog.offer([], b"latest")
    batch = _take(backlog)
    assert (batch.records, batch.checkpoint, batch.dropped) == ([], b"latest", 1)


def test_long_append() -> None:
    """An append longer than the queue is taken when nothing waits: else it never would be."""
    backlog = _backlog(events=2)
    assert backlog.offer(records([1, 2, 3]), None)
    assert not backlog.offer(records([4]), None)


def test_append_that_the_file_cannot_hold() -> None:
    """An append that could never be written is dropped, and does not stop those behind it."""
    backlog = Backlog(limit_events=9, limit_bytes=9999, append_bytes=len(record(1).payload))
    assert not backlog.offer(records([1, 2]), b"two")
    assert backlog.offer(records([3]), b"three")
    assert _take(backlog).dropped == 2


def test_bytes_are_bounded() -> None:
    """Few but large events fill the queue as well."""
    backlog = _backlog(events=100, size=2 * len(record(1).payload))
    assert [backlog.offer(records([n]), None) for n in (1, 2, 3)] == [True, True, False]


def test_refusing() -> None:
    """When nothing will ever be written, all that waits and all that comes is dropped."""
    backlog = _backlog()
    backlog.offer(records([1, 2]), b"two")
    backlog.refuse()
    assert not backlog.offer(records([3]), b"three")
    assert (backlog.dropped, backlog.events) == (3, 0)


def test_closing() -> None:
    """After close nothing is taken in; what waits is given out, then nothing, without waiting."""
    backlog = _backlog()
    backlog.offer(records([1]), None)
    backlog.close()
    assert not backlog.offer(records([2]), None)
    assert _sequences(_take(backlog)) == [1]
    assert backlog.take(limit_bytes=1, timeout=SOON) is None
    backlog.pause(SOON)


@pytest.mark.parametrize(("sequence", "settled"), [(1, True), (2, False)])
def test_wait_settled(sequence: int, settled: bool) -> None:
    """An event counts as stored once its batch is settled, and not before."""
    backlog = _backlog()
    backlog.offer(records([1]), None)
    backlog.settle(_take(backlog))
    assert backlog.wait_settled(sequence, timeout=0) is settled


def test_the_counter_of_deaths_waits_with_its_events() -> None:
    """Batches that are taken together add up; what does not fit is left to whoever offered it."""
    backlog = _backlog(events=2)
    more = ExitCount(namespace="n", pod="p", container="c", verdict=Verdict.EXITED, count=1)
    kill = OOMCount(sum=OOMSum(counter=OOMCounter.DRILLS), count=1)
    assert backlog.offer(records([1]), None, [more], [kill])
    assert backlog.offer([], None, [more])
    assert backlog.offer([], None, (), [kill])
    assert backlog.offer(records([2]), None, [more], [kill])
    assert not backlog.offer(records([3]), None, [more], [kill])
    batch = _take(backlog)
    assert (batch.exits, batch.kills) == ([more] * 3, [kill] * 3)
