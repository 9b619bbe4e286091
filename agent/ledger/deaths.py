"""Who died how: the last exits, and the fatal signals that came before them.

Exits come from the process connector, signals from signal:signal_generate. The two are read at
different moments, so nothing is joined when it is heard: the question joins, by pid and time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from agent.model.death import Death, ProcessExit, SignalSent

MAX_SIGNALS = 16_384
MAX_EXITS = 16_384
SIGNALS_PER_PID = 32
EXITS_PER_PID = 4
"""A pid comes round again after some 30,000 others: more lives than that are not asked about."""
SAME_PROCESS_NS = 1_000_000_000
"""The kernel does not hand out a pid again within this time, and its clocks differ by less."""


class _Timed(Protocol):
    @property
    def boottime_ns(self) -> int: ...


T = TypeVar("T", bound=_Timed)


class _ByPid(Generic[T]):
    """At most `limit` items, at most `per_pid` of one pid; those pids go first that were quiet for
    the longest.
    """

    def __init__(self, *, limit: int, per_pid: int) -> None:
        self._limit = limit
        self._per_pid = per_pid
        self._items: dict[int, list[T]] = {}
        self._count = 0
        self.dropped_ns = 0
        """The newest of the items whose pid had to make room."""

    def __len__(self) -> int:
        return self._count

    def add(self, pid: int, item: T) -> None:
        """Of a pid that is told of too often, the first half stays, and the last items."""
        items = self._items.pop(pid, None) or []
        items.append(item)
        self._items[pid] = items
        self._count += 1
        if len(items) > self._per_pid:
            del items[self._per_pid // 2]
            self._count -= 1
        while self._count > self._limit:
            gone = self._items.pop(next(iter(self._items)))
            self._count -= len(gone)
            self.dropped_ns = max(self.dropped_ns, *(item.boottime_ns for item in gone))

    def of(self, pid: int) -> list[T]:
        """Oldest first."""
        return sorted(self._items.get(pid, ()), key=lambda item: item.boottime_ns)

    def pids(self) -> Iterable[int]:
        """All of which something is held."""
        return self._items.keys()


class DeathBook:
    """A pure, bounded fold. All times are CLOCK_BOOTTIME."""

    def __init__(self, *, max_signals: int = MAX_SIGNALS, max_exits: int = MAX_EXITS) -> None:
        self._signals = _ByPid[SignalSent](limit=max_signals, per_pid=SIGNALS_PER_PID)
        self._exits = _ByPid[ProcessExit](limit=max_exits, per_pid=EXITS_PER_PID)

    @property
    def signals(self) -> int:
        """How many signals are held."""
        return len(self._signals)

    @property
    def signals_dropped_ns(self) -> int:
        """All signals that were sent later are held; 0: all are."""
        return self._signals.dropped_ns

    @property
    def exits(self) -> int:
        """How many exits are held."""
        return len(self._exits)

    def sent(self, signal: SignalSent) -> None:
        """A fatal signal was sent."""
        self._signals.add(signal.target_pid, signal)

    def ended(self, ended: ProcessExit) -> None:
        """A process ended."""
        self._exits.add(ended.pid, ended)

    def unfinished(self, number: int, before_ns: int) -> dict[int, SignalSent]:
        """By pid, the first signal of this number that was sent before then, and after which no
        exit was heard of: that process lives, or the exit was not told.
        """
        found = {}
        for pid in self._signals.pids():
            sent = [s for s in self._signals.of(pid) if s.signal == number]
            exits = self._exits.of(pid)
            ended_ns = exits[-1].boottime_ns + SAME_PROCESS_NS if exits else 0
            open_ = [s for s in sent if ended_ns < s.boottime_ns < before_ns and s.delivered]
            if open_:
                found[pid] = open_[0]
        return found

    def death(self, pid: int, boottime_ns: int) -> Death | None:
        """The end of the process that was `pid` at `boottime_ns`, or was dying then; None if
        neither its exit nor a signal to it is known.

        The pid may have been another's before and after: what was sent before the exit of the one,
        or after the exit of this one, is not told.
        """
        before, exit_ = _around(self._exits.of(pid), boottime_ns)
        signals = tuple(
            signal
            for signal in self._signals.of(pid)
            if (before is None or signal.boottime_ns > before.boottime_ns + SAME_PROCESS_NS)
            and (exit_ is None or signal.boottime_ns <= exit_.boottime_ns + SAME_PROCESS_NS)
        )
        if exit_ is None and not signals:
            return None
        return Death(exit=exit_, signals=signals)


def _around(
    exits: Iterable[ProcessExit], boottime_ns: int
) -> tuple[ProcessExit | None, ProcessExit | None]:
    """The last exit that was over by then, and the first that was not."""
    before = None
    for ended in exits:
        if ended.boottime_ns + SAME_PROCESS_NS >= boottime_ns:
            return before, ended
        before = ended
    return before, None
