"""Containers and pods that reclaim at their limit again and again, and are not killed.

memory.events `max` counts how often a cgroup was about to exceed its limit and had to reclaim,
`high` the same of memory.high. A file that is read once fills the limit with page cache and makes
them rise harmlessly: only what rises in most seconds of a window, while tasks stall for memory, is
a near miss (the caller reads the stall).

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct, field

from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.evidence import CgroupGone, CountersSeen
from agent.model.pressure import Thrash

WINDOW_SECONDS = 10
BUSY_SECONDS = 5
"""Of the window, in which a counter must have risen."""

_NS = 1_000_000_000
_LEVELS = (CgroupLevel.CONTAINER, CgroupLevel.POD)


def _seconds() -> deque[tuple[int, int, int]]:
    """Bounded also while nobody asks who thrashes."""
    return deque(maxlen=WINDOW_SECONDS + 1)


class _Counted(Struct):
    place: CgroupPlace
    max: int
    high: int
    oom_kill: int
    rises: deque[tuple[int, int, int]] = field(default_factory=_seconds)  # (second, max, high)
    since_ns: int | None = None  # of the first rise of this run
    killed_ns: int | None = None


class ReclaimFold:
    """Pure; knows each cgroup by its inode."""

    def __init__(self) -> None:
        self._cgroups: dict[int, _Counted] = {}
        self._rising: set[int] = set()

    def heard(self, seen: CountersSeen | CgroupGone, now_ns: int) -> None:
        """Take the counters of a cgroup, or that it is gone."""
        if isinstance(seen, CgroupGone):
            self._cgroups.pop(seen.inode, None)
            self._rising.discard(seen.inode)
            return
        if seen.place.level not in _LEVELS or seen.events is None:
            return
        # What is nested in a container has limits of its own; a pod's containers are told apart.
        pod = seen.place.level is CgroupLevel.POD
        events = seen.local if pod else seen.events
        if events is None:
            return
        max_, high, kills = events.max or 0, events.high or 0, seen.events.oom_kill
        known = self._cgroups.get(seen.inode)
        if known is None:
            self._cgroups[seen.inode] = _Counted(seen.place, max_, high, kills)
            return
        grown = max(0, max_ - known.max), max(0, high - known.high)
        if kills > known.oom_kill:
            known.killed_ns = now_ns
        known.max, known.high, known.oom_kill = max_, high, kills
        if any(grown):
            second = now_ns // _NS
            if known.rises and known.rises[-1][0] == second:
                _, max_rise, high_rise = known.rises.pop()
                grown = grown[0] + max_rise, grown[1] + high_rise
            known.rises.append((second, *grown))
            known.since_ns = now_ns if known.since_ns is None else known.since_ns
            self._rising.add(seen.inode)

    def thrashing(self, now_ns: int) -> Iterator[Thrash]:
        """Those whose counters rise in most seconds, and none of whose processes was killed."""
        first = now_ns // _NS - WINDOW_SECONDS
        for inode in sorted(self._rising):
            known = self._cgroups[inode]
            while known.rises and known.rises[0][0] <= first:
                known.rises.popleft()
            if not known.rises:
                self._rising.discard(inode)
                known.since_ns = None
                continue
            if known.killed_ns is not None and known.killed_ns // _NS > first:
                continue
            if len({second for second, _, _ in known.rises}) < BUSY_SECONDS:
                continue
            yield Thrash(
                place=known.place,
                container=None,
                max_rises=sum(rise for _, rise, _ in known.rises),
                high_rises=sum(rise for _, _, rise in known.rises),
                window_seconds=float(WINDOW_SECONDS),
                since_boottime_ns=now_ns if known.since_ns is None else known.since_ns,
            )
