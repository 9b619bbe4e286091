"""A trace_pipe of which only so many records are read between two ticks, for anybody can make its
events happen as fast as they like. The ring keeps the latest of the rest, and counts what it loses.
"""

from __future__ import annotations

import select
from collections.abc import Callable

from agent.host.trace_instance import TraceInstance
from agent.model.absence import ParseError
from agent.model.evidence import Observation, SourceLost
from agent.parse.signal_generate import without_losses
from agent.parse.trace_event import split_records

RECORDS_PER_TICK = 1024
LOSS_TICKS = 60
"""The losses of a flood that lasts are told once in so many ticks."""


class RationedPipe:
    """Owns the instance's trace_pipe; reading it consumes."""

    def __init__(self, instance: TraceInstance) -> None:
        self._instance = instance
        self._poll = select.epoll()  # can be muted, while the pipe stays readable
        self._poll.register(instance.fileno(), select.EPOLLIN)
        self._left = RECORDS_PER_TICK

    def fileno(self) -> int:
        """Readable while there is something to read, and it may be read."""
        return self._poll.fileno()

    def read(self) -> tuple[list[bytes], bool]:
        """The records of one read; True if more may be waiting, and may be read before the next
        tick. Raises SourceAbsent.
        """
        if self._left <= 0:
            return [], False
        data = self._instance.read()
        if data is None:
            return [], False
        # One read gives whole events, so the last record is whole as well.
        records, last = split_records(without_losses(data))
        records.append(last.removesuffix(b"\n"))
        self._left -= len(records)
        if self._left <= 0:
            self._poll.modify(self._instance.fileno(), 0)
        return records, self._left > 0

    def refill(self) -> bool:
        """A tick has come: read on. Whether that had stopped, for a flood."""
        muted = self._left <= 0
        if muted:
            self._poll.modify(self._instance.fileno(), select.EPOLLIN)
        self._left = RECORDS_PER_TICK
        return muted

    def lost(self) -> int:
        """Events that the ring has lost. Raises SourceAbsent."""
        return self._instance.lost()

    def close(self) -> None:
        """Stop reading; the instance itself stays, so that what happens meanwhile is not lost."""
        self._poll.close()
        self._instance.close()


class RationedWatcher:
    """Watches what one parser makes of the records. `overrun` says in words why some were lost.
    `missed` is told at each tick by which some were lost, or were left in the pipe until then and
    may come too late for who waits for them.
    """

    def __init__(
        self,
        instance: TraceInstance,
        *,
        name: str,
        parse: Callable[[bytes], Observation | None],
        overrun: str,
        missed: Observation | None = None,
    ) -> None:
        self._pipe = RationedPipe(instance)
        self._name = name
        self._parse = parse
        self._overrun = overrun
        self._missed = missed
        self._lost = self._published = instance.lost()
        self._quiet_ticks = 0
        self.records = 0
        self.buffer_bytes = instance.buffer_bytes

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._pipe.fileno()

    def observe(self) -> tuple[list[Observation], bool]:
        """What one read tells; True if more may be waiting, and may be read before the next tick.

        Raises SourceAbsent.
        """
        records, more = self._pipe.read()
        return [item for record in records for item in self._seen(record)], more

    def tick(self) -> list[Observation]:
        """Overruns of the ring, and reading again after a flood. Raises SourceAbsent."""
        muted = self._pipe.refill()
        self._quiet_ticks = max(0, self._quiet_ticks - 1)
        before, self._lost = self._lost, self._pipe.lost()
        seen: list[Observation] = []
        if self._missed is not None and (muted or self._lost > before):
            seen.append(self._missed)
        if not self._quiet_ticks and self._lost > self._published:
            new, self._published = self._lost - self._published, self._lost
            self._quiet_ticks = LOSS_TICKS
            seen.append(SourceLost(source=self._name, lost=new, detail=self._overrun))
        return seen

    def close(self) -> None:
        """Stop reading; the instance itself stays, so that what happens meanwhile is not lost."""
        self._pipe.close()

    def _seen(self, record: bytes) -> list[Observation]:
        try:
            seen = self._parse(record)
        except ParseError as error:
            return [SourceLost(source=self._name, lost=1, detail=str(error))]
        if seen is None:
            return []
        self.records += 1
        return [seen]
