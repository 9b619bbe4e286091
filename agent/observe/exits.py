"""Watches how processes end, by the process connector.

Exits by a signal or with a code are heard of from everybody. Those with code 0, which are nearly
all of a busy node's, only from the inits of containers and from the children of their parents:
that is the shim, so that a container is heard of which is gone before its init was known, as is
what was executed in one.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Set as AbstractSet

from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.proc_connector import ProcConnector
from agent.model.absence import ParseError
from agent.model.death import ProcessExit
from agent.model.evidence import ExitSeen, Observation, SourceLost
from agent.parse.proc_event import parse_proc_event

NAME = "connector"
INIT_PID = 1
"""The parent of what has lost its own; its children are all of the node's services."""
EXITS_PER_TICK = 4096
"""Any container can make processes that fail, as fast as it likes: some 50 us of ours each."""
LOSS_TICKS = 60
"""A flood that lasts is told of once in so many ticks."""


class ExitWatcher:
    """Owns a ProcConnector. `inits`: those of the containers that are there now."""

    def __init__(self, connector: ProcConnector, proc: ProcReader) -> None:
        self._connector = connector
        self._proc = proc
        self._parents: dict[int, int] = {}  # of the inits that are followed
        self._poll = select.epoll()  # can be muted, while messages are waiting
        self._poll.register(connector.fileno(), select.EPOLLIN)
        self._left = EXITS_PER_TICK
        self._lost = False
        self._quiet_ticks = 0
        self.inits: AbstractSet[int] = frozenset()
        self._others: AbstractSet[int] = frozenset()
        self._others_asked = True
        self.records = 0

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._poll.fileno()

    def observe(self, limit: int = 256) -> tuple[list[Observation], bool]:
        """What up to `limit` messages tell; True if more may be waiting, and may be read before
        the next tick. Raises SourceAbsent.
        """
        if self._left <= 0:
            return [], False
        messages, lost = self._connector.read_batch(limit)
        self._lost = self._lost or lost
        self._left -= len(messages)
        if self._left <= 0:
            self._poll.unregister(self._connector.fileno())  # an overrun wakes whatever the mask is
        seen: list[Observation] = []
        if not messages:
            return seen, False
        ahead_ns = _boottime_minus_monotonic_ns()
        for message in messages:
            try:
                event = parse_proc_event(message, boottime_minus_monotonic_ns=ahead_ns)
            except ParseError as error:
                seen.append(SourceLost(source=NAME, lost=1, detail=str(error)))
                continue
            if isinstance(event, ProcessExit):
                self.records += 1
                seen.append(ExitSeen(exit=event))
        return seen, len(messages) == limit and self._left > 0

    def tick(self) -> list[Observation]:
        """Tell the kernel of whom we want to hear from now on, and read again after a flood: that
        is told of once in a while. Raises SourceAbsent.
        """
        if self._left <= 0:
            self._poll.register(self._connector.fileno(), select.EPOLLIN)
        self._left = EXITS_PER_TICK
        self._quiet_ticks = max(0, self._quiet_ticks - 1)
        if self.inits != self._parents.keys() or not self._others_asked:
            known = self._parents
            self._parents = {pid: known.get(pid) or self._parent(pid) for pid in self.inits}
            self._follow()
        if not self._lost or self._quiet_ticks:
            return []
        self._lost, self._quiet_ticks = False, LOSS_TICKS
        detail = "exits came faster than they were read (ENOBUFS)"
        return [SourceLost(source=NAME, lost=None, detail=detail)]

    def follow_others(self, pids: AbstractSet[int]) -> None:
        """From now on, hear of these and of their children as well; if the kernel refuses that, the
        next tick asks again, and says so.
        """
        if pids == self._others:
            return
        self._others, self._others_asked = pids, False
        with contextlib.suppress(SourceAbsent):
            self._follow()

    def _follow(self) -> None:
        followed = {*self.inits, *self._parents.values(), *self._others}
        self._connector.follow(followed - {0, INIT_PID})
        self._others_asked = True

    def close(self) -> None:
        self._poll.close()
        self._connector.close()

    def _parent(self, pid: int) -> int:
        """0 if it is gone."""
        try:
            return self._proc.stat(pid).ppid
        except (SourceAbsent, ParseError):
            return 0


def _boottime_minus_monotonic_ns() -> int:
    """How long the machine has slept since its boot: changed by a suspend alone."""
    boottime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boottime_ns - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
