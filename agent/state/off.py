"""No journal: events live in memory alone, and the next agent knows nothing of them.

For a state directory that cannot be used: that costs durability and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from agent.model.event import JournalChange
from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.model.status import JournalHealth
from agent.state.position import Kept, Position, Span
from agent.state.record import Record
from agent.state.recovery import Recovered


class NoJournal:
    """In the place of `Journal` where nothing shall be stored."""

    abandoned_readers = 0
    reader_limit = 0
    unread = False

    def __init__(self, wall_ns: int, *, path: str = "", detail: str = "") -> None:
        """`detail` says why nothing can be stored; without one nothing shall be."""
        self.recovered = Recovered.nothing()
        self.spans: tuple[Span, ...] = ()
        self._since_wall_ns = wall_ns
        self._path = path
        self._state = "failed" if detail else "off"
        self._detail = detail or "nothing is stored, as was asked for"

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[JournalChange], None],
        on_recovered: Callable[[Recovered], None],
    ) -> None:
        """The state never changes; it is told once."""
        on_change(JournalChange(state=self._state, detail=self._detail))

    def poll(self) -> None:
        """Nothing to look at."""

    def close(self, deadline_seconds: float = 0.0) -> bool:
        """Nothing to write."""
        return True

    def append(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        """Forget them; nothing was promised, so nothing counts as dropped."""
        return True

    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]:
        """Nothing is stored."""
        return ()

    def health(self) -> JournalHealth:
        """State "off", or "failed" where something should have been stored."""
        return JournalHealth(
            state=self._state,
            detail=self._detail,
            since_wall_ns=self._since_wall_ns,
            path=self._path,
            bytes=0,
            max_bytes=0,
            events=0,
            first_sequence=0,
            last_sequence=0,
            dropped=0,
            stream_id=self.recovered.numbering.stream_id,
        )
