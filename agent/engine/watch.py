"""Keeps one watcher going: opened, waited for, drained, and opened again when it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence
from agent.model.evidence import Observation
from agent.observe.rationed import RationedWatcher
from agent.observe.roster import Opening, Watcher
from agent.observe.signals import SignalWatcher
from agent.observe.trace import TraceWatcher

REOPEN_TICKS = 30
"""A source that is absent or broken is tried again after so many ticks."""
OPEN_SECONDS = 10.0
"""To make a ring takes the longer, the shorter memory is."""

MAX_BATCHES = 256
"""Of 64 KiB of a trace_pipe or 512 records of kmsg each: more than their rings hold."""

Take = Callable[[list[Observation]], None]


class Watch:
    """Owns the watcher of one entry of the roster while it is open.

    At the start it is opened at once, for the books wait for it; later in one of `workers`, for the
    others have to be heard meanwhile.
    """

    def __init__(
        self,
        opening: Opening,
        board: SourceBoard,
        guard: Guard,
        take: Take,
        workers: Workers,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._opening = opening
        self._board = board
        self._guard = guard
        self._take = take
        self._workers = workers
        self._spawn = spawn
        self._fd: int | None = None
        self._countdown = 0
        self._stopped = False
        self.watcher: Watcher | None = None

    @property
    def name(self) -> str:
        return self._opening.name

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open and begin to wait; an absence is published and is not an error."""
        watcher = self._guard.call(self.name, self._opening.open)
        if watcher is None:
            self._countdown = REOPEN_TICKS
        else:
            self._opened(loop, watcher)

    def _opened(self, loop: asyncio.AbstractEventLoop, watcher: Watcher) -> None:
        """Also when that took so long that it was given up, or the agent is ending."""
        if self._stopped or self.watcher is not None:
            watcher.close()
            return
        self.watcher = watcher
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
                self._countdown = REOPEN_TICKS
                self._spawn(self._guard.run(self.name, self._open_again(loop)))
            return
        seen = self._guard.call(self.name, watcher.tick)
        if seen is None:
            self._close(loop)
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
            self._close(loop)
            return False
        seen, more = found
        if seen:
            self._take(seen)
        return more

    async def _open_again(self, loop: asyncio.AbstractEventLoop) -> None:
        def hand_over() -> None:
            opened = partial(self._opened, loop, self._opening.open())
            loop.call_soon_threadsafe(self._guard.attempt, self.name, opened)

        try:
            await self._workers.run(hand_over, deadline_seconds=OPEN_SECONDS, key=self.name)
        except (Abandoned, TooManyAbandoned) as error:
            raise SourceAbsent(Absence.FAILED, f"opening it hangs: {error}") from None

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop waiting and close, for good."""
        self._stopped = True
        self._close(loop)

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._fd is not None:
            loop.remove_reader(self._fd)
            self._fd = None
        if self.watcher is not None:
            self.watcher.close()
            self.watcher = None
        self._countdown = REOPEN_TICKS


_TRACING = (TraceWatcher, SignalWatcher, RationedWatcher)


def trace_buffer_bytes(watches: Iterable[Watch]) -> int:
    """What their trace instances take of the kernel's memory."""
    watchers = (watch.watcher for watch in watches)
    return sum(w.buffer_bytes for w in watchers if isinstance(w, _TRACING))
