"""What waits for the journal's disk: bounded, and counted where it overflows.

The promise behind the checkpoint. A checkpoint tells the ledger of the next agent from where to
read the kernel's log again; what it claims is never looked for again. It claims all that was
offered before it and with it, and nothing that comes later (agent.state.claims). So it must never
reach the disk ahead of an event that it claims, and never claim a dropped event that nothing
counts:

- an append is taken whole or not at all: when its events do not fit, its checkpoint is dropped too.
  If the agent dies then, the checkpoint on the disk is an older one, and the ledger of the next
  agent derives the dropped events again from the kernel's log: nothing is lost.
- the next append that is taken carries the number of events that were dropped before it. Its
  checkpoint does claim them, and in the same transaction the journal's own count of dropped events
  rises; their numbers are a hole in the stream, a published gap to whoever reads across it.
- a checkpoint without events is put to the last append that waits, so checkpoints need no room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.state.batch import Batch
from agent.state.record import Record


class Backlog:
    """Between the loop thread, which offers, and the writer thread, which takes and settles.

    The lock is only ever held for a few steps in memory, so neither side waits for the disk.
    """

    def __init__(self, *, limit_events: int, limit_bytes: int, append_bytes: int) -> None:
        """`append_bytes`: a larger append would never fit into the file, and is dropped."""
        self._limit_events = limit_events
        self._limit_bytes = limit_bytes
        self._append_bytes = append_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Batch] = deque()
        self._events = 0  # waiting or being written
        self._bytes = 0
        self._dropped_since = 0  # since the last append that was taken
        self._refusing = False
        self._closed = False
        self._settled = 0
        self._taken = 0
        self.dropped = 0  # since the start
        self.last_offered = 0  # sequence, dropped or not

    @property
    def events(self) -> int:
        """Events that are not on the disk yet."""
        return self._events

    def offer(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        """Queue one append, or drop it and count its events; never waits. False: dropped."""
        size = sum(len(record.payload) for record in records)
        with self._changed:
            if records:
                self.last_offered = records[-1].sequence
            if not self._takes(len(records), size):
                self.dropped += len(records)
                self._dropped_since += len(records)
                return False
            if records or checkpoint is not None or exits or kills:
                self._put(records, checkpoint, exits, kills, size)
                self._changed.notify_all()
        return True

    def _takes(self, events: int, size: int) -> bool:
        if self._refusing or self._closed or size > self._append_bytes:
            return False
        if self._events == 0:
            return True  # however many: else an append that is too long would never be taken
        if events == 0 and not self._dropped_since:
            return True
        full = self._events + max(events, 1) > self._limit_events
        return not full and self._bytes + size <= self._limit_bytes

    def _put(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount],
        kills: Sequence[OOMCount],
        size: int,
    ) -> None:
        if not records and self._waiting:
            last = self._waiting[-1]
        else:
            last = Batch(records=list(records), size=size)
            self._waiting.append(last)
        if records:
            self._taken = records[-1].sequence
        if checkpoint is not None:
            last.checkpoint, last.claimed = checkpoint, self.last_offered
        last.exits += exits
        last.kills += kills
        last.dropped += self._dropped_since
        self._dropped_since = 0
        self._events += len(records)
        self._bytes += size

    def take(self, *, limit_bytes: int, timeout: float) -> Batch | None:
        """All that waits, up to `limit_bytes`, as one batch; None after `timeout` s or at the end.

        The batch still counts as waiting until `settle`, for it is not on the disk.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            if not self._waiting:
                return None
            batch = self._waiting.popleft()
            while self._waiting and batch.size + self._waiting[0].size <= limit_bytes:
                upcoming = self._waiting.popleft()
                batch.records += upcoming.records
                batch.size += upcoming.size
                batch.dropped += upcoming.dropped
                batch.exits += upcoming.exits
                batch.kills += upcoming.kills
                if upcoming.checkpoint is not None:
                    batch.checkpoint, batch.claimed = upcoming.checkpoint, upcoming.claimed
            return batch

    def settle(self, batch: Batch) -> None:
        """The batch is committed."""
        with self._changed:
            self._events -= len(batch.records)
            self._bytes -= batch.size
            if batch.records:
                self._settled = batch.records[-1].sequence
            self._changed.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until all that waits now is committed; not for the loop thread."""
        return self.wait_settled(self._taken, timeout) if self._events else True

    def wait_settled(self, sequence: int, timeout: float) -> bool:
        """Wait until the event with this sequence is committed; not for the loop thread."""
        with self._changed:
            return self._changed.wait_for(lambda: self._settled >= sequence, timeout)

    def pause(self, seconds: float) -> None:
        """The writer waits before it tries again; no longer once the journal closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def refuse(self) -> None:
        """Nothing will ever be written: drop and count what waits, and all that will be offered."""
        with self._changed:
            self._refusing = True
            self.dropped += self._events
            self._waiting.clear()
            self._events = self._bytes = 0

    def close(self) -> None:
        """Take nothing more; the writer writes what waits, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed
