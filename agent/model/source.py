"""The health of one source, as it is published."""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.absence import Absence


class SourceState(enum.Enum):
    UP = "up"
    ABSENT = "absent"  # the host does not have it, or it is switched off
    DOWN = "down"  # it should see and does not


class SourceHealth(Struct, frozen=True, kw_only=True):
    """One row of `sees` in the status."""

    name: str
    tells: str  # what it tells; while it is not up, what the agent cannot know
    required: bool
    state: SourceState
    since_wall_ns: int
    absence: Absence | None = None  # None while up
    detail: str = ""
    records: int = 0
    lost: int = 0
