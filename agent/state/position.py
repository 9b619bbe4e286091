"""Where one stands among the events: positions, the streams they are in, and what is missing.

Sequences rise by one within a stream. A new stream begins when the agent cannot prove that nothing
was lost of the old one; the streams of a journal are in order, and so are all their events.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from agent.api.v1 import event_pb2


class Position(NamedTuple):
    """An event, by its numbers; as a resume token, the last event that was received."""

    stream_id: str
    sequence: int


class Numbering(Struct, frozen=True, kw_only=True):
    """How the next event is numbered; `first_sequence` is where its stream began."""

    stream_id: str
    first_sequence: int
    next_sequence: int


class Span(Struct, frozen=True, kw_only=True):
    """A stream, by its first sequence and its last one that is known. Empty: last < first."""

    stream_id: str
    first: int
    last: int


class Kept(NamedTuple):
    """One event as it is kept: its numbers, and a serialized `agent.api.v1.Event` that parses."""

    stream_id: str
    sequence: int
    payload: bytes

    @property
    def position(self) -> Position:
        return Position(self.stream_id, self.sequence)


class GapReason(enum.Enum):
    """The words of `StreamGap.reason`."""

    FOREIGN = "foreign-stream"
    EXPIRED = "expired"
    OVERRUN = "overrun"
    FUTURE = "future"


class Gap(Struct, frozen=True, kw_only=True):
    """Events that a subscriber does not get. None: the number is not known."""

    reason: GapReason
    first_missing: int | None = None
    last_missing: int | None = None
    detail: str = ""

    def to_wire(self) -> event_pb2.StreamGap:
        """A message of the caller's own."""
        return event_pb2.StreamGap(
            reason=self.reason.value,
            first_missing=self.first_missing,
            last_missing=self.last_missing,
            detail=self.detail,
        )


class Order:
    """The streams in their order, empty ones left out: what comes after what."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = [span for span in spans if span.last >= span.first]
        self._rank = {span.stream_id: rank for rank, span in enumerate(self._spans)}

    @property
    def spans(self) -> Sequence[Span]:
        return self._spans

    def find(self, stream_id: str) -> Span | None:
        """The span of this stream; None if it is not known, or is empty."""
        rank = self._rank.get(stream_id)
        return None if rank is None else self._spans[rank]

    def key(self, position: Position | Kept) -> tuple[int, int]:
        """Sorts positions; a stream that is not known stands before all others."""
        return self._rank.get(position.stream_id, -1), position.sequence

    def follows(self, before: Position, after: Position) -> bool:
        """Whether nothing was published between these two."""
        if before.stream_id == after.stream_id:
            return after.sequence == before.sequence + 1
        old, new = self._rank.get(before.stream_id), self._rank.get(after.stream_id)
        if old is None or new != old + 1:
            return False
        return before.sequence >= self._spans[old].last and after.sequence == self._spans[new].first


def missing(before: Position, after: Position) -> tuple[int | None, int | None]:
    """First and last sequence between two positions that do not follow, if numbers can say it."""
    if after.sequence > before.sequence + 1:
        return before.sequence + 1, after.sequence - 1
    return None, None
