"""Keeps one watcher going: opened, waited for, drained, and opened again when it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.model.evidence import Observation
from agent.observe.roster import Opening, Watcher

REOPEN_TICKS = 30
"""A source that is absent or broken is tried again after so many ticks."""

MAX_BATCHES = 256
"""Of 64 KiB of a trace_pipe or 512 records of kmsg each: more than their rings hold."""

Take = Callable[[list[Observation]], None]


class Watch:
    """Owns the watcher of one entry of the roster while it is open."""

    def __init__(self, opening: Opening, board: SourceBoard, guard: Guard, take: Take) -> None:
        self._opening = opening
        self._board = board
        self._guard = guard
        self._take = take
        self._fd: int | None = None
        self._countdown = 0
        self.watcher: Watcher | None = None

    @property
    def name(self) -> str:
        return self._opening.name

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open and begin to wait; an absence is published and is not an error."""
        self.watcher = self._guard.call(self.name, self._opening.open)
        if self.watcher is None:
            self._countdown = REOPEN_TICKS
            return
        self._board.up(self.name, self._opening.detail)
        self._fd = self.watcher.fileno()
        if self._fd is not None:
            loop.add_reader(self._fd, self.drain, loop)

    def drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what is there. One batch a call: what is left makes the descriptor readable again,
        and the loop fair.
        """
        self._observe(loop)

    def catch_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take all that is there now: at the start, and before a judgement. Bounded, for a source
        that never falls silent must not hold the loop.
        """
        for _ in range(MAX_BATCHES):
            if not self._observe(loop):
                return

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask for what does not announce itself; try an absent source again now and then."""
        watcher = self.watcher
        if watcher is None:
            self._countdown -= 1
            if self._countdown <= 0:
                self.start(loop)
            return
        seen = self._guard.call(self.name, watcher.tick)
        if seen is None:
            self.stop(loop)
        elif seen:
            self._take(seen)
        self._board.count(self.name, watcher.records)

    def _observe(self, loop: asyncio.AbstractEventLoop) -> bool:
        """One batch; whether more may be waiting. A source that fails is closed."""
        watcher = self.watcher
        if watcher is None:
            return False
        found = self._guard.call(self.name, watcher.observe)
        if found is None:
            self.stop(loop)
            return False
        seen, more = found
        if seen:
            self._take(seen)
        return more

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop waiting and close."""
        if self._fd is not None:
            loop.remove_reader(self._fd)
            self._fd = None
        if self.watcher is not None:
            self.watcher.close()
            self.watcher = None
        self._countdown = REOPEN_TICKS
