"""What the ledgers ask that takes time, and the answers, which are taken as what is observed is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from agent.engine.endings import Endings
from agent.engine.fates import Fates
from agent.model.evidence import (
    EndWanted,
    FateSeen,
    FateWanted,
    Observation,
    PlacesSeen,
    PlacesWanted,
    SenderSeen,
    SenderWanted,
)
from agent.model.oom import Attribution

Ends = Callable[[EndWanted], Coroutine[Any, Any, None]]
"""Answers EndWanted, in its own time and by `answered`."""
Places = Callable[[tuple[tuple[int, int], ...]], Awaitable[dict[int, tuple[str, Attribution]]]]
"""Answers PlacesWanted: (pid, when it was killed), to cgroups by pid."""


class Questions:
    """Each is put by a task of its own. `guarded` runs a part whose failure is the ledger's."""

    def __init__(
        self,
        *,
        fates: Fates,
        places: Places,
        ends: Ends,
        endings: Endings,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        guarded: Callable[[Callable[[], object]], object],
        take: Callable[[Iterable[Observation]], None],
    ) -> None:
        self._fates = fates
        self._places = places
        self._ends = ends
        self._endings = endings
        self._spawn = spawn
        self._guarded = guarded
        self._take = take
        self._answers: list[Observation] = []

    def ask(self, wanted: FateWanted | PlacesWanted | EndWanted | SenderWanted) -> None:
        """Begin to find out; the answer comes later."""
        match wanted:
            case FateWanted():
                self._spawn(self._fate(wanted))
            case PlacesWanted():
                self._spawn(self._place(wanted))
            case EndWanted():
                self._spawn(self._ends(wanted))
            case SenderWanted():
                self._spawn(self._sender(wanted))

    def answered(self, seen: Iterable[Observation]) -> None:
        """Take answers to what was asked: all that come in one round of the loop together, for each
        take tells and keeps the books, and after a storm there are hundreds.
        """
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._guarded, self.take_answers)
        self._answers += seen

    def take_answers(self) -> None:
        """Take at once those that wait for the end of this round."""
        seen, self._answers = self._answers, []
        if seen:
            self._take(seen)

    async def _fate(self, wanted: FateWanted) -> None:
        try:
            names, seen = await self._fates.answer(wanted)
        except Exception:
            # Not known is an answer too; without one the incident would stay open for ever.
            self.answered([FateSeen(incident_id=wanted.incident_id, init_alive=None)])
            raise
        self.answered([seen] if names is None else [names, seen])

    async def _place(self, wanted: PlacesWanted) -> None:
        places = await self._places(wanted.victims)
        self.answered([PlacesSeen(incident_id=wanted.incident_id, places=places)])

    async def _sender(self, wanted: SenderWanted) -> None:
        try:
            seen = await self._endings.find(wanted)
        except Exception:
            self.answered([SenderSeen(container_id=wanted.container_id, pid=wanted.pid, cgroup="")])
            raise
        self.answered([seen])
