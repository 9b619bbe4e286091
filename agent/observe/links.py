"""Watches interfaces of the host come, go and change, by RTNLGRP_LINK: so that they are looked at
then, and not only at the next look.

What is lost is counted by the kernel, and costs nothing but that: each look reads all of it anew.
"""

from __future__ import annotations

import select

from agent.host.link_changes import LinkChanges
from agent.model.evidence import LinksChanged, Observation, SourceLost

NAME = "links"

CHANGES_PER_TICK = 4096
"""Who may make interfaces can make them as fast as they like: some 2 us of ours each."""
LOSS_TICKS = 10
"""A flood that lasts is told of once in so many ticks."""
DETAIL = "interfaces changed faster than that is read (ENOBUFS); all of them are read again"
_WRAPS_AT = 1 << 32


class LinkWatcher:
    """Owns the listener."""

    def __init__(self, changes: LinkChanges) -> None:
        self._changes = changes
        self._poll = select.epoll()  # can be muted, while messages are waiting
        self._poll.register(changes.fileno(), select.EPOLLIN)
        self._left = CHANGES_PER_TICK
        self._overrun = False
        self._told = 0  # of those that were lost
        self._quiet_ticks = 0
        self.records = 0

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._poll.fileno()

    def observe(self, limit: int = 256) -> tuple[list[Observation], bool]:
        """How many changes there were; True if more may be waiting, and may be read before the next
        tick. Raises SourceAbsent.
        """
        if self._left <= 0:
            return [], False
        changes, overrun = self._changes.heard(limit)
        self._overrun = self._overrun or overrun
        self._left -= changes
        self.records += changes
        if self._left <= 0:
            self._poll.unregister(self._changes.fileno())  # an overrun wakes whatever its mask is
        if not changes and not overrun:
            return [], False
        seen: list[Observation] = [LinksChanged(changes=changes)]
        return seen, changes == limit and self._left > 0

    def tick(self) -> list[Observation]:
        """What found no room, told of once in a while; and reading again after a flood. Raises
        SourceAbsent.
        """
        if self._left <= 0:
            self._poll.register(self._changes.fileno(), select.EPOLLIN)
        self._left = CHANGES_PER_TICK
        self._quiet_ticks = max(0, self._quiet_ticks - 1)
        lost = self._lost()
        if lost == 0 or self._quiet_ticks:
            return []
        self._quiet_ticks, self._overrun = LOSS_TICKS, False
        self._told = (self._told + (lost or 0)) % _WRAPS_AT
        return [SourceLost(source=NAME, lost=lost, detail=DETAIL)]

    def close(self) -> None:
        self._poll.close()
        self._changes.close()

    def _lost(self) -> int | None:
        """How many that nobody was told of; None: some."""
        dropped = self._changes.dropped()
        if dropped is None:
            return None if self._overrun else 0
        return (dropped - self._told) % _WRAPS_AT
