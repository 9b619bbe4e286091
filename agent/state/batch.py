"""What passes between the loop and the journal's writer."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.state.record import Record


class Batch(Struct, kw_only=True):
    """What is committed in one transaction: all of it, or nothing.

    `checkpoint` claims every event up to `claimed`: those of them that had to be dropped are
    counted in `dropped`, which is committed with it. Behind them may be more records.
    """

    records: list[Record] = field(default_factory=list)
    checkpoint: bytes | None = None
    claimed: int = 0  # the last sequence
    dropped: int = 0  # events dropped between the batch before and this one
    size: int = 0  # bytes of the records' payloads
    exits: list[ExitCount] = field(default_factory=list)  # what the counter of deaths rises by
    kills: list[OOMCount] = field(default_factory=list)  # and those of OOM kills


class Clocks(Struct, frozen=True, kw_only=True):
    """Where the writer reads the time: nanoseconds since 1970, and since boot with suspend."""

    wall_ns: Callable[[], int]
    boottime_ns: Callable[[], int]


class Figures(Struct, frozen=True, kw_only=True):
    """The size and the content of the journal's file."""

    bytes: int = 0  # with its log
    events: int = 0
    first_sequence: int = 0  # 0: holds no event
    last_sequence: int = 0
