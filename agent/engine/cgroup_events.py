"""Waits for what inotify tells of cgroups, and takes it in steps, between which others may run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from agent.model.evidence import Observation
from agent.observe.cgroups import CgroupWatcher


class CgroupEvents:
    """The watcher is the caller's. `guarded` runs a part whose failure is the ledger's."""

    def __init__(
        self,
        watcher: CgroupWatcher,
        *,
        guarded: Callable[[Callable[[], object]], object],
        take: Callable[[Iterable[Observation]], None],
    ) -> None:
        self._watcher = watcher
        self._guarded = guarded
        self._take = take
        self._fd: int | None = None  # the one that the loop waits for
        self._go_on: asyncio.Handle | None = None  # with what inotify told and a step has left

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for what inotify has to say: its instance can go, and come back later."""
        descriptor = self._watcher.fileno()
        if descriptor == self._fd:
            return
        if self._fd is not None:
            loop.remove_reader(self._fd)
        self._fd = descriptor
        if descriptor is not None:
            loop.add_reader(descriptor, self._guarded, partial(self._changed, loop))

    def close(self) -> None:
        """Wait no more."""
        if self._go_on is not None:
            self._go_on.cancel()
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._fd = None

    def _changed(self, loop: asyncio.AbstractEventLoop) -> None:
        seen, more = self._watcher.observe()
        self.listen(loop)
        if seen:
            self._take(seen)
        if more and self._go_on is None:
            self._go_on = loop.call_soon(self._guarded, partial(self._rest, loop))

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        self._go_on = None
        self._changed(loop)
