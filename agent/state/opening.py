"""The agent waits a short while for its journal to open, and then goes on without it."""

from __future__ import annotations

import threading

from agent.state.position import Numbering
from agent.state.recovery import Recovered


class Opening:
    """Decides once, for both threads, which numbering this run of the agent uses.

    If the file opens in time it is the file's; if not, it is a new stream from 1, and a file that
    opens later takes that stream in. So two events never get one number.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._recovered: Recovered | None = None

    def wait(self, seconds: float) -> Recovered:
        """What was found, or nothing if the file did not open in time, or cannot be opened."""
        with self._changed:
            self._changed.wait_for(lambda: self._recovered is not None, seconds)
            if self._recovered is None:
                self._recovered = Recovered.nothing()
            return self._recovered

    def deliver(self, found: Recovered) -> bool:
        """The writer has opened the file. True: the agent starts from it. False: too late."""
        with self._changed:
            if self._recovered is None:
                self._recovered = found
                self._changed.notify_all()
            return self._recovered is found

    def fail(self) -> None:
        """The writer cannot open the file now: do not wait for it."""
        with self._changed:
            if self._recovered is None:
                self._recovered = Recovered.nothing()
                self._changed.notify_all()

    @property
    def numbering(self) -> Numbering | None:
        """What was decided; None before."""
        with self._changed:
            return None if self._recovered is None else self._recovered.numbering
