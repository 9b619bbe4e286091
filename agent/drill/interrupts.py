"""Signals of the drill: the first one ends it, none ends the cleaning up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the drill to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Interrupts:
    """While entered, raises Interrupted in the main thread at the first signal, and never again.

    `held` puts it off to the block's end; after `hold` it is not raised any more.
    """

    def __init__(self) -> None:
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._holding = 0
        self._pending: int | None = None
        self._raised = False

    def __enter__(self) -> Interrupts:
        for signum in _SIGNALS:
            self._before[signum] = signal.signal(signum, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def hold(self) -> None:
        """From now on note signals and do nothing: the cleaning up has begun."""
        self._raised = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Between making a thing and noting that it must be removed."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
        if self._pending is not None:
            self._raise(self._pending)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._holding:
            self._pending = signum
        else:
            self._raise(signum)

    def _raise(self, signum: int) -> None:
        if not self._raised:
            self._raised = True
            raise Interrupted(signum)
