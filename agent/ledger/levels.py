"""The memory counters of the cgroups that are followed, and the kills that are booked on them.

memory.events is hierarchical (cgroup v2): a kill counts in the victim's cgroup and in every
ancestor, and an ancestor's count outlives the leaf. memory.events.local tells where a limit was
hit: its `oom` rises there and nowhere else.
https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping

from msgspec import Struct

from agent.ledger.calls import below
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.evidence import CountersSeen

MAX_BOOKED_STRAYS = 1_024
"""Booked paths that are not followed. Bookings are held against counters, and these have none that
is read: most are cgroups that were gone at once. Some are followed a moment later, or again after
a restart.
"""
LIMIT_HIT_NS = 2_000_000_000
"""A limit is hit before the kill it causes; under load the two were read up to 40 ms apart.
Generous, for ticks are 1 s.
"""


def ancestors(path: str) -> Iterator[str]:
    """The path itself, then each ancestor, without the root (it has no memory.events)."""
    while path not in ("", "/"):
        yield path
        path = path.rpartition("/")[0]


class LimitHit(Struct, frozen=True):
    place: CgroupPlace
    at_ns: int


class _Followed(Struct):
    place: CgroupPlace
    inode: int
    oom_kill: int
    oom_local: int | None
    rose_ns: int  # when oom_kill was last seen to rise, or was first seen
    early: int  # of oom_kill, what was there at the first reading and was not booked then


class Levels:
    """Counters by cgroup path, and per path how many kills are booked at or below it."""

    def __init__(self, booked: Mapping[str, int]) -> None:
        self._followed: dict[str, _Followed] = {}
        self._booked = dict(booked)
        self._strays: OrderedDict[str, None] = OrderedDict.fromkeys(booked)
        self._hits: deque[LimitHit] = deque(maxlen=1024)

    def book(self, cgroup: str) -> dict[str, int]:
        """Book one kill; returns for each level of the path the ordinal that this kill has
        there.
        """
        ordinals = {}
        for path in ancestors(cgroup):
            ordinals[path] = self._booked[path] = self._booked.get(path, 0) + 1
            if path not in self._followed:
                self._strays[path] = None
                self._strays.move_to_end(path)
        while len(self._strays) > MAX_BOOKED_STRAYS:
            stray, _ = self._strays.popitem(last=False)
            self._booked.pop(stray, None)
        return ordinals

    def unbook(self, cgroup: str) -> None:
        """Take one booking back, e.g. to move it to a better known cgroup."""
        for path in ancestors(cgroup):
            if self._booked.get(path, 0) > 0:
                self._booked[path] -= 1

    def seen(self, counters: CountersSeen, now_ns: int) -> None:
        """Take a reading. A rise of the local `oom` since the last reading of this same cgroup is a
        limit hit.
        """
        if counters.events is None:
            return
        path = counters.place.path
        local = None if counters.local is None else counters.local.oom
        last = self._followed.get(path)
        if last is not None and last.inode != counters.inode:
            last = None
        before = last.oom_local if last is not None else 0 if counters.appeared else local
        if local is not None and before is not None and local > before:
            self._hits.append(LimitHit(counters.place, now_ns))
        count = counters.events.oom_kill
        rose_ns = now_ns if last is None or count > last.oom_kill else last.rose_ns
        if last is not None:
            early = last.early
        else:
            early = 0 if counters.appeared else max(0, count - self._booked.get(path, 0))
        self._strays.pop(path, None)
        self._followed[path] = _Followed(
            counters.place, counters.inode, count, local, rose_ns, early
        )

    def gone(self, path: str, inode: int) -> None:
        """A followed cgroup was removed, and its bookings with it: the next one of this path is
        another cgroup.
        """
        last = self._followed.get(path)
        if last is not None and last.inode == inode:
            del self._followed[path]
            self._booked.pop(path, None)

    def counter(self, path: str) -> int | None:
        """oom_kill of a followed cgroup; None if it is not followed."""
        followed = self._followed.get(path)
        return None if followed is None else followed.oom_kill

    def early(self, path: str) -> int:
        """Of the kills that this cgroup counts, those that the first reading showed and nothing had
        booked by then.
        """
        followed = self._followed.get(path)
        return 0 if followed is None else followed.early

    def limit_near(self, cgroup: str, now_ns: int) -> CgroupPlace | None:
        """The one cgroup at or above `cgroup` whose limit was hit lately; None if there is none or
        more than one.
        """
        places = {
            hit.place.path: hit.place
            for hit in self._hits
            if now_ns - hit.at_ns <= LIMIT_HIT_NS and below(cgroup, hit.place.path)
        }
        return next(iter(places.values())) if len(places) == 1 else None

    def excess(
        self, since_ns: int, *, before_start: bool = False
    ) -> list[tuple[CgroupPlace, int, int, int]]:
        """Followed cgroups that count more kills than are booked on them, and whose count rose at
        or after `since_ns`: (place, inode, count, excess), lowest first.

        An old excess is that of a kill which was given up: it says nothing about a new one. And a
        kill from before the start (`before_start`) is explained only by what the first reading
        showed already, not by what has risen since.

        Containers come before pods, pods before QoS cgroups: a kill that is booked on a container
        is booked above too.
        """
        order = [
            CgroupLevel.CONTAINER,
            CgroupLevel.POD,
            CgroupLevel.QOS,
            CgroupLevel.KUBEPODS,
            CgroupLevel.SYSTEM,  # of those only drills are followed
        ]
        found = []
        for path, f in self._followed.items():
            excess = f.oom_kill - self._booked.get(path, 0)
            if before_start:
                excess = min(excess, f.early)
            if excess > 0 and f.place.level in order and f.rose_ns >= since_ns:
                found.append((f.place, f.inode, f.oom_kill, excess))
        return sorted(found, key=lambda row: order.index(row[0].level))

    def booked(self) -> dict[str, int]:
        """For the checkpoint."""
        return dict(self._booked)
