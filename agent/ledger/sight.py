"""Since when a source has seen without a gap: before that, what was not heard may have been."""

from __future__ import annotations

from collections.abc import Callable


class Sight:
    """Of one source. `is_up` says whether it sees now."""

    def __init__(self, is_up: Callable[[], bool]) -> None:
        self._is_up = is_up
        self._since_ns: int | None = None

    def since_ns(self) -> int | None:
        """CLOCK_BOOTTIME; None: it does not see."""
        return self._since_ns if self._is_up() else None

    def lost(self, now_ns: int) -> None:
        """Something was lost, up to now."""
        if self._since_ns is not None:
            self._since_ns = now_ns

    def tick(self, now_ns: int) -> None:
        """Once a second."""
        if not self._is_up():
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns
