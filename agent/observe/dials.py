"""Watches connections that the kubelet and the API server begin, and those that come to nothing, by
sock:inet_sock_set_state in a trace instance of our own.

The kernel lets through what threads of these names begin, and every connection of the node that
fails: whose that was it does not tell (agent.derive.dials). So many are read between two ticks.
"""

from __future__ import annotations

import select

from agent.host.trace_instance import TraceInstance
from agent.model.absence import ParseError
from agent.model.evidence import Observation, SourceLost
from agent.parse.inet_sock_set_state import parse_dial
from agent.parse.signal_generate import without_losses
from agent.parse.trace_event import split_records

NAME = "dials"

DIALS_PER_TICK = 1024
LOSS_TICKS = 60
"""A flood that lasts is told of once in so many ticks."""


class DialWatcher:
    """Owns the instance's trace_pipe; reading it consumes."""

    def __init__(self, instance: TraceInstance) -> None:
        self._instance = instance
        self._poll = select.epoll()  # can be muted, while the pipe stays readable
        self._poll.register(instance.fileno(), select.EPOLLIN)
        self._lost = instance.lost()
        self._quiet_ticks = 0
        self._left = DIALS_PER_TICK
        self.records = 0
        self.buffer_bytes = instance.buffer_bytes

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._poll.fileno()

    def observe(self) -> tuple[list[Observation], bool]:
        """What one read tells; True if more may be waiting, and may be read before the next tick.

        Raises SourceAbsent.
        """
        if self._left <= 0:
            return [], False
        data = self._instance.read()
        if data is None:
            return [], False
        # One read gives whole events, so the last record is whole as well.
        records, last = split_records(without_losses(data))
        records.append(last.removesuffix(b"\n"))
        seen = [item for record in records for item in self._seen(record)]
        self._left -= len(records)
        if self._left <= 0:
            self._poll.modify(self._instance.fileno(), 0)
        return seen, self._left > 0

    def tick(self) -> list[Observation]:
        """Overruns of the ring, and reading again after a flood. Raises SourceAbsent."""
        if self._left <= 0:
            self._poll.modify(self._instance.fileno(), select.EPOLLIN)
        self._left = DIALS_PER_TICK
        self._quiet_ticks = max(0, self._quiet_ticks - 1)
        lost = self._instance.lost()
        if self._quiet_ticks or lost <= self._lost:
            return []
        new, self._lost, self._quiet_ticks = lost - self._lost, lost, LOSS_TICKS
        detail = "connections failed faster than that is read"
        return [SourceLost(source=NAME, lost=new, detail=detail)]

    def close(self) -> None:
        """Stop reading; the instance itself stays, so that what happens meanwhile is not lost."""
        self._poll.close()
        self._instance.close()

    def _seen(self, record: bytes) -> list[Observation]:
        try:
            seen = parse_dial(record)
        except ParseError as error:
            return [SourceLost(source=NAME, lost=1, detail=str(error))]
        if seen is None:
            return []
        self.records += 1
        return [seen]
