"""A part may fail; the tick may not. Here is the only broad except of the engine."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent.engine.board import SourceBoard
from agent.host.absence import SourceAbsent
from agent.host.worker import Abandoned, TooManyAbandoned
from agent.model.absence import Absence, Absent

log = logging.getLogger(__name__)

T = TypeVar("T")

LATE_SECONDS = 60.0
LATE = f"a look at it has not ended within {LATE_SECONDS:.0f} s: it hangs"


class Guard:
    """Runs parts of the agent; what they raise is published on the board under their name.

    One name can stand for many calls within a tick, so whether it is well again is judged at the
    end of each tick (`judge`): some call ended well and none failed.
    """

    def __init__(self, board: SourceBoard) -> None:
        self._board = board
        self._failing: set[str] = set()
        self._well: set[str] = set()  # since the last judgement
        self._failed: set[str] = set()  # since the last judgement
        self._rounds: dict[str, int] = {}  # under way, since when
        self._late: set[str] = set()

    def call(self, name: str, part: Callable[[], T]) -> T | None:
        """What the part returns; None if it failed, or found its source absent."""
        try:
            result = part()
        except SourceAbsent as error:
            self._board.absent(name, error.absent)
        except Exception as error:  # noqa: BLE001 - the one place
            self._fails(name, error)
        else:
            self._well.add(name)
            return result
        return None

    def attempt(self, name: str, part: Callable[[], object]) -> bool:
        """The same for a part that returns nothing of interest: whether it ended well."""
        return self.call(name, lambda: (part(),)) is not None

    async def run(self, name: str, part: Awaitable[object]) -> None:
        """The same for a coroutine."""
        try:
            await part
        except SourceAbsent as error:
            self._board.absent(name, error.absent)
        except (Abandoned, TooManyAbandoned) as error:
            self._hangs(name, str(error))
        except Exception as error:  # noqa: BLE001 - the one place
            self._fails(name, error)
        else:
            self._well.add(name)

    async def round(self, name: str, part: Awaitable[object]) -> None:
        """The same for one look of those that a source is looked at with again and again. One that
        does not end makes its source blind, since it began; `judge` sees to that.
        """
        self._rounds[name] = self._board.clock.boottime_ns()
        try:
            await self.run(name, part)
        finally:
            del self._rounds[name]
            if name in self._late:
                self._late.discard(name)
                if self._board.detail(name) == LATE:  # else it has said itself how it is
                    self._board.up(name)

    def judge(self) -> None:
        """The end of a tick: what failed before it and went well all through it has recovered."""
        for name in (self._failing & self._well) - self._failed:
            self._failing.discard(name)
            if not self._board.is_up(name):
                self._board.up(name)
        self._well.clear()
        self._failed.clear()
        now = self._board.clock.boottime_ns()
        for name, begun in self._rounds.items():
            late = now - begun >= LATE_SECONDS * 1e9
            if late and name not in self._late and self._board.is_up(name):
                self._late.add(name)
                absent = Absent(absence=Absence.FAILED, detail=LATE)
                self._board.absent(name, absent, for_ns=now - begun)

    def _hangs(self, name: str, why: str) -> None:
        self._failing.add(name)
        self._failed.add(name)
        self._board.absent(name, Absent(absence=Absence.FAILED, detail=f"reading it hangs: {why}"))

    def _fails(self, name: str, error: Exception) -> None:
        self._failing.add(name)
        self._failed.add(name)
        log.error("%s failed", name, exc_info=error)
        detail = f"{type(error).__name__}: {error}; this is a bug of nodewitness: please report it"
        self._board.absent(name, Absent(absence=Absence.FAILED, detail=detail))
