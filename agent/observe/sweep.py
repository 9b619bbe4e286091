"""The sweep: all pods, containers and services of the node, read one after the other

It follows what the cgroup watcher follows, and the services of the node beside them. A fraction of
the cgroups is read in full each time, so that each is every `FULL_SECONDS`; the others give what
moves fastest. A sweep is done in steps of some milliseconds, between which the event loop runs; of
thousands of cgroups that come at once some hundreds are taken up in each sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.cgroup_files import CgroupFiles
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupId, CgroupLevel, CgroupMode, CgroupPlace
from agent.model.services import upholds
from agent.model.usage import CgroupKind, CgroupSample, Sweep
from agent.observe.swept import Swept, SweptV1, SweptV2
from agent.parse.cgroup_path import place as place_of

STEP = 32
"""Cgroups that are read before the event loop runs: 1 to 3 ms on bare metal."""
STEP_NS = 4_000_000
"""And before that, where reading takes longer."""
MOST_OPENED = 512
"""Cgroups that are opened in one sweep; the others of a burst in the next ones."""
FULL_SECONDS = 10.0
"""As often as the kubelet looks. To open, read and close a file costs three times as much as to
read one that is kept, and most of what there is to read hardly moves.
"""
COMPARED = 1024
"""Cgroups that are compared with what is open before the event loop runs: some milliseconds."""
SERVICES_SECONDS = 30.0
MAX_SERVICES = 64
SLICES = ("/system.slice", "/runtime.slice", "/podruntime.slice", "/kubereserved.slice")
"""Where the services of a node are; the last three where kubelet and runtime have their own."""

_KINDS = {
    CgroupLevel.ROOT: CgroupKind.NODE,
    CgroupLevel.KUBEPODS: CgroupKind.KUBEPODS,
    CgroupLevel.QOS: CgroupKind.QOS,
    CgroupLevel.POD: CgroupKind.POD,
    CgroupLevel.CONTAINER: CgroupKind.CONTAINER,
}


def _unimportant(child: tuple[str, int]) -> tuple[bool, str]:
    """What pods depend on comes first, should there be more services than are swept."""
    name = child[0].rpartition("/")[2]
    return not upholds(name), name


class Followed(Protocol):
    """Who knows which cgroups there are; agent.observe.cgroups.CgroupWatcher does."""

    changes: int

    def followed(self) -> Iterator[tuple[CgroupPlace, int]]: ...


class _Member(Struct, frozen=True):
    key: CgroupId
    kind: CgroupKind
    swept: Swept


class Sweeper:
    """Owns the descriptors of what it reads."""

    def __init__(
        self,
        fs: CgroupFs,
        clock: Clock,
        followed: Followed,
        *,
        is_sandbox: Callable[[CgroupId], bool],
    ) -> None:
        self._fs = fs
        self._clock = clock
        self._source = followed
        self._is_sandbox = is_sandbox
        self._members: dict[CgroupId, _Member] = {}
        self._services: dict[CgroupId, CgroupPlace] = {}
        self._services_due_ns = 0
        self._changes = -1
        self._waiting: dict[CgroupId, CgroupPlace] = {}
        self._unopened: dict[CgroupId, None] = {}
        self._unread: set[CgroupId] = set()  # open, and not read once
        self._overdue: set[CgroupId] | None = None  # not read by the last sweep; None: the first
        self._previous_ns = 0
        self._next_full = 0  # a place among the members
        self._full_credit = 0.0  # how many are due
        self.latest: Sweep | None = None
        self.records = 0
        self.detail = ""
        """Why the last cgroup that was missed was missed."""

    def steps(self) -> Iterator[None]:
        """One sweep, in `latest` when it is done; between the steps others may run."""
        started = self._clock.boottime_ns()
        yield from self._follow(started)
        members = list(self._members.values())
        first, share = self._take_turn(started, len(members))
        samples: dict[CgroupId, CgroupSample] = {}
        failed: list[CgroupId] = []
        clock = self._clock.boottime_ns
        done, step_ends = 0, clock() + STEP_NS
        for at, member in enumerate(members):
            now = clock()
            if done == STEP or now > step_ends:
                yield
                now = clock()
                done, step_ends = 0, now + STEP_NS
            done += 1
            kind = member.kind
            if kind is CgroupKind.CONTAINER and self._is_sandbox(member.key):
                kind = CgroupKind.SANDBOX
            full = (at - first) % len(members) < share
            try:
                samples[member.key] = member.swept.sample(kind, now, full=full)
            except SourceAbsent as error:
                if error.absent.absence is Absence.VANISHED:
                    self._drop(member.key)
                    continue
                failed.append(member.key)
                self.detail = error.absent.detail
            except ParseError as error:
                failed.append(member.key)
                self.detail = str(error)
            else:
                self._unread.discard(member.key)
        self.records += len(samples)
        missed = len(self._unopened) + len(failed)
        if not missed:
            self.detail = ""
        overdue = samples.keys() if self._overdue is None else self._overdue & samples.keys()
        self._overdue = {*self._waiting, *self._unopened, *self._unread}
        self.latest = Sweep(
            started_boottime_ns=started,
            ended_boottime_ns=clock(),
            samples=samples,
            missed=missed,
            late=frozenset(overdue),
            failed=frozenset(failed),
        )
        yield

    @property
    def behind(self) -> bool:
        """Whether there are cgroups that have not had their turn yet."""
        return bool(self._waiting)

    def close(self) -> None:
        """Close all descriptors."""
        for key in list(self._members):
            self._drop(key)
        self._waiting.clear()
        self._changes = -1

    def _take_turn(self, now_ns: int, members: int) -> tuple[int, int]:
        """(the first of the members that are to be read in full, how many)"""
        seconds = (now_ns - self._previous_ns) / 1e9
        self._previous_ns = now_ns
        self._full_credit += members * min(1.0, seconds / FULL_SECONDS)
        share = int(self._full_credit)
        self._full_credit -= share
        first = self._next_full
        self._next_full = (first + share) % max(1, members)
        return first, share

    def _follow(self, now_ns: int) -> Iterator[None]:
        """Open what has come, close what is gone; nothing to do if neither has."""
        renewed = now_ns >= self._services_due_ns
        if renewed:
            self._renew_services()
            self._services_due_ns = now_ns + int(SERVICES_SECONDS * 1e9)
        if renewed or self._source.changes != self._changes:
            self._changes = self._source.changes
            yield from self._compare(list(self._source.followed()))
        for at, key in enumerate(list(self._waiting)[:MOST_OPENED]):
            if at and at % STEP == 0:
                yield
            self._open(key, self._waiting.pop(key))

    def _compare(self, followed: Sequence[tuple[CgroupPlace, int]]) -> Iterator[None]:
        """What waits to be opened is what is wanted and not open."""
        wanted = dict(self._services)
        hierarchy = self._fs.hierarchy
        for at, (place, inode) in enumerate(followed, 1):
            if at % COMPARED == 0:
                yield
            if place.level in _KINDS:
                wanted[CgroupId(hierarchy=hierarchy, inode=inode)] = place
        for at, key in enumerate(self._members.keys() - wanted.keys(), 1):
            if at % STEP == 0:
                yield
            self._drop(key)
        self._unopened.clear()
        self._waiting = {k: place for k, place in wanted.items() if k not in self._members}

    def _renew_services(self) -> None:
        """Who finds room only now, of those that were more than is swept, may be old."""
        before, self._services = self._services, dict(self._find_services())
        if self._overdue is not None and len(before) > MAX_SERVICES:
            self._overdue |= self._services.keys() - before.keys()

    def _find_services(self) -> Iterator[tuple[CgroupId, CgroupPlace]]:
        """The root, and at most MAX_SERVICES units of the node."""
        hierarchy = self._fs.hierarchy
        with contextlib.suppress(SourceAbsent):
            yield CgroupId(hierarchy=hierarchy, inode=self._fs.inode("/")), place_of("/")
        left = MAX_SERVICES
        for where in SLICES:
            try:
                children = self._fs.children(where)
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    yield from self._known_services(where)
                continue
            for path, inode in sorted(children, key=_unimportant):
                if path.endswith(".service") and left > 0:
                    left -= 1
                    yield CgroupId(hierarchy=hierarchy, inode=inode), place_of(path)

    def _known_services(self, where: str) -> Iterator[tuple[CgroupId, CgroupPlace]]:
        for key, place in self._services.items():
            if place.path.startswith(f"{where}/"):
                yield key, place

    def _open(self, key: CgroupId, place: CgroupPlace) -> None:
        made = SweptV2 if self._fs.mode is CgroupMode.V2 else SweptV1
        try:
            files = CgroupFiles(self._fs, place.path, key.inode, made.HOT)
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                self._unopened[key] = None
                self.detail = error.absent.detail
            return
        kind = _KINDS.get(place.level, CgroupKind.SERVICE)
        self._members[key] = _Member(key, kind, made(key, place, files))
        self._unread.add(key)

    def _drop(self, key: CgroupId) -> None:
        self._members.pop(key).swept.files.close()
        self._unread.discard(key)
