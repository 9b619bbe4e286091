"""Follows the cgroups of pods and containers, from the cgroup file system alone.

Births and deaths come from inotify on the parents (IN_CREATE, IN_DELETE: a kept descriptor hides
IN_DELETE_SELF); counters from inotify on each memory.events, which the kernel touches through
kernfs_notify. On v1 nothing notifies of memory.oom_control: those are read at each tick. When
inotify loses something, the tree is read again; what it has no room for is polled, and nothing else
is. Only a cgroup of which the kernel says so is gone: one that we cannot open is still there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupCounters, CgroupFs
from agent.host.inotify import (
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_ISDIR,
    IN_MODIFY,
    IN_Q_OVERFLOW,
    Inotify,
    InotifyEvent,
)
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupLevel, CgroupMode, CgroupPlace
from agent.model.evidence import (
    CgroupAppeared,
    CgroupGone,
    CountersSeen,
    Observation,
    SourceLost,
)
from agent.observe.cgroup_paths import CgroupPaths
from agent.observe.watches import Watched, Watches
from agent.parse.cgroup_path import is_drill
from agent.parse.cgroup_path import place as place_of
from agent.parse.names import printable

NAME = "memory.events"
KUBERNETES = frozenset(
    (CgroupLevel.KUBEPODS, CgroupLevel.QOS, CgroupLevel.POD, CgroupLevel.CONTAINER)
)
OUTSIDE_DEPTH = 3
"""How deep below the root kubepods may begin (/kubelet.slice/kubelet-kubepods.slice with kind)."""

STEP = 32
"""Observations after which the loop has its turn: an event about a pod can bring all that is in it,
and a full read of inotify some 700 events.
"""

RESYNC_TICKS = 60
"""Every so many ticks the tree is compared with what inotify has told, whatever it has told."""


def may_hold_pods(path: str) -> bool:
    """Whether a directory outside kubepods is worth a watch: the root, ancestors of kubepods, and
    system.slice, where a runtime whose cgroup driver differs from the kubelet's puts its
    containers.
    """
    depth = path.strip("/").count("/") + 1
    return path == "/" or path == "/system.slice" or ("kube" in path and depth <= OUTSIDE_DEPTH)


def descends(path: str) -> bool:
    """Whether what is right below a cgroup is looked at."""
    level = place_of(path).level
    if level in (CgroupLevel.KUBEPODS, CgroupLevel.QOS, CgroupLevel.POD):
        return True
    return may_hold_pods(path)


def is_followed(path: str) -> bool:
    """Whether the counters of a cgroup are read."""
    return place_of(path).level in KUBERNETES or is_drill(path)


class _Followed(Struct):
    place: CgroupPlace
    inode: int
    counters: CgroupCounters | None
    warm: bool = True  # read again at the next tick


class CgroupWatcher:
    """Owns an inotify instance and the descriptors of the counters that it follows."""

    def __init__(
        self,
        fs: CgroupFs,
        open_inotify: Callable[[], Inotify],
        paths: CgroupPaths | None = None,
    ) -> None:
        """Without inotify (instances exhausted) the tree is polled, until there is an instance.
        `paths` is kept up to date for who asks by inode.
        """
        self._paths = CgroupPaths() if paths is None else paths
        self._fs = fs
        self._watches = Watches(fs, open_inotify)
        self._followed: dict[str, _Followed] = {}
        self._below: dict[str, set[str]] = {}  # what is followed or watched, by its parent
        self._waiting: deque[InotifyEvent] = deque()  # read, and not looked at yet
        self._unread: dict[str, None] = {}  # cgroups that are there and could not be opened
        self._trouble = ""  # why the last of those could not
        self._told: set[str] = set()  # the kinds of trouble that were told and are not over
        self._ticks = 0
        self.records = 0
        self.changes = 0  # of what is followed

    @property
    def detail(self) -> str:
        """What limits this source here, in words; empty if nothing does."""
        words = []
        if self._fs.mode is not CgroupMode.V2:
            words.append(
                "cgroup v1: counts go with their cgroup and do not tell whose limit fired;"
                " kmsg and trace do"
            )
        elif self._fs.local_events_only:
            words.append("mounted with memory_localevents: counts go with their cgroup")
        if self._watches.trouble:
            words.append(f"what is not watched is polled: {self._watches.trouble}")
        if self._trouble:
            words.append(f"{len(self._unread)} cgroups cannot be read: {self._trouble}")
        return "; ".join(words)

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say; None while there is no inotify."""
        inotify = self._watches.inotify
        return None if inotify is None else inotify.fileno()

    def followed(self) -> Iterator[tuple[CgroupPlace, int]]:
        """(place, inode) of all that is followed; `changes` tells whether that is still so."""
        return ((followed.place, followed.inode) for followed in self._followed.values())

    def start(self) -> list[Observation]:
        """Follow all that is there already, pods in an unusual place included."""
        seen = list(self._enter("/", live=False))
        for path, _ in self._fs.discover():
            if path not in self._followed and place_of(path).level in KUBERNETES:
                seen.extend(self._enter(path, live=False))
        seen.extend(self._troubles())
        return seen

    def observe(self) -> tuple[list[Observation], bool]:
        """What inotify tells, a step of it; True if more is waiting that has been read already, and
        makes no descriptor readable.
        """
        if not self._waiting:
            inotify = self._watches.inotify
            if inotify is None:
                return [], False
            try:
                self._waiting.extend(inotify.read())
            except SourceAbsent as error:
                self._watches.broke(error.absent.detail)
                return self._troubles(), False
        seen: list[Observation] = []
        touched: dict[str, None] = {}
        while self._waiting and len(seen) + len(touched) < STEP:
            event = self._waiting.popleft()
            path, what = self._watches.of(event.wd) or ("", None)
            if event.mask & IN_Q_OVERFLOW:
                detail = "the inotify queue overflowed; the tree was read again"
                seen.append(SourceLost(source=NAME, lost=None, detail=detail))
                seen.extend(self.resync())
            elif what is Watched.COUNTERS and event.mask & IN_MODIFY:
                touched[path] = None
            elif what is Watched.CHILDREN and event.mask & IN_ISDIR:
                seen.extend(self._directory(path, event))
            elif event.mask & IN_IGNORED:
                self._watches.ignored(event.wd)
        for path in touched:
            seen.extend(self._read(path, warm=True))
        seen.extend(self._troubles())
        return seen, bool(self._waiting)

    def tick(self) -> list[Observation]:
        """Read again what changed lately (`oom` is counted up to 40 ms before `oom_kill`), and
        look at all that is not watched.
        """
        self._ticks += 1
        seen: list[Observation] = []
        for path, what in self._watches.retry():
            seen.extend(self._compare(path) if what is Watched.CHILDREN else self._read(path))
        seen.extend(self._open_unread())
        if self._ticks % RESYNC_TICKS == 0:
            seen.extend(self.resync())
        else:
            for path in self._watches.wanting(Watched.CHILDREN):
                seen.extend(self._compare(path))
            everything = self._fs.mode is not CgroupMode.V2
            due = dict.fromkeys(self._watches.wanting(Watched.COUNTERS))
            due.update((p, None) for p, f in self._followed.items() if f.warm or everything)
            for path in due:
                seen.extend(self._read(path))
        seen.extend(self._troubles())
        return seen

    def reread(self, cgroup: str) -> list[Observation]:
        """Read the counters at and above a cgroup now, for a kill was seen there."""
        seen: list[Observation] = []
        while cgroup not in ("", "/"):
            seen.extend(self._read(cgroup, warm=True))
            cgroup = cgroup.rpartition("/")[0]
        return seen

    def resync(self) -> Iterator[Observation]:
        """Compare with the tree itself: what is gone, what is new. All counters are read."""
        for path, followed in list(self._followed.items()):
            inode = self._inode(path)
            if inode is not None and inode != followed.inode:
                yield from self._leave(path)
        yield from self._enter("/", live=True)
        for path, followed in list(self._followed.items()):
            if followed.counters is None:
                followed.counters = self._open(path)
            yield from self._read(path)

    def close(self) -> None:
        for followed in self._followed.values():
            if followed.counters is not None:
                followed.counters.close()
        self._followed.clear()
        self._watches.close()

    def _directory(self, parent: str, event: InotifyEvent) -> Iterator[Observation]:
        path = f"{parent.rstrip('/')}/{printable(event.name)}"
        if event.mask & IN_DELETE:
            yield from self._leave(path)
        elif event.mask & IN_CREATE:
            yield from self._enter(path, live=True)

    def _enter(self, path: str, *, live: bool) -> Iterator[Observation]:
        """Follow a directory, and those in it that matter. The watch comes first: what is made
        while we list is seen twice rather than never.
        """
        known = self._followed.get(path)
        inode = self._inode(path)
        if not inode:
            return
        if known is not None and known.inode != inode:
            yield from self._leave(path)
            known = None
        self._note(path)
        if descends(path):
            self._watches.add(path, Watched.CHILDREN)
        if known is None and is_followed(path):
            yield from self._follow(place_of(path), inode, live=live)
        if descends(path):
            for child, _ in self._children(path) or ():
                known_leaf = child in self._followed and not descends(child)
                if not known_leaf and (is_followed(child) or may_hold_pods(child)):
                    yield from self._enter(child, live=live)

    def _compare(self, path: str) -> Iterator[Observation]:
        """What came and went right below a directory whose changes nobody tells."""
        there = self._children(path)
        if there is None:
            return
        inodes = dict(there)
        for child in list(self._below.get(path, ())):
            followed = self._followed.get(child)
            if child not in inodes or (followed and followed.inode != inodes[child]):
                yield from self._leave(child)
        known = self._below.get(path, set())
        for child in inodes:
            if child not in known and (is_followed(child) or may_hold_pods(child)):
                yield from self._enter(child, live=True)

    def _follow(self, place: CgroupPlace, inode: int, *, live: bool) -> Iterator[Observation]:
        counters = self._open(place.path)
        if counters is None and self._inode(place.path) == 0:
            self._forget(place.path)
            return
        self._followed[place.path] = _Followed(place, inode, counters)
        self.changes += 1
        self._paths.appeared(inode, place.path)
        yield CgroupAppeared(place=place, inode=inode, live=live)
        yield from self._read(place.path, warm=True, appeared=live)

    def _open(self, path: str) -> CgroupCounters | None:
        """None if the cgroup is gone, has no memory controller (yet), or cannot be opened now."""
        try:
            counters = self._fs.open_counters(path)
        except SourceAbsent as error:
            if error.absent.absence not in (Absence.VANISHED, Absence.UNSUPPORTED):
                self._unread[path] = None
                self._trouble = error.absent.detail
            return None
        if self._fs.mode is CgroupMode.V2:
            self._watches.add(path, Watched.COUNTERS)
        return counters

    def _open_unread(self) -> Iterator[Observation]:
        """Try again what could not be looked at, until one still cannot."""
        for path in list(self._unread):
            if path not in self._unread:
                continue  # it was gone, with one before it
            del self._unread[path]
            followed = self._followed.get(path)
            if followed is None or followed.counters is not None:
                yield from self._enter(path, live=True)
            else:
                followed.counters = self._open(path)
                yield from self._read(path)
            if path in self._unread:
                break
        if not self._unread:
            self._trouble = ""

    def _read(
        self, path: str, *, warm: bool = False, appeared: bool = False
    ) -> Iterator[Observation]:
        followed = self._followed.get(path)
        if followed is None or followed.counters is None:
            return
        followed.warm = warm
        try:
            reading = followed.counters.read()
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                yield SourceLost(source=NAME, lost=1, detail=error.absent.detail)
            return  # its IN_DELETE is on its way
        except ParseError as error:
            yield SourceLost(source=NAME, lost=1, detail=f"{path}: {error}")
            return
        self.records += 1
        yield CountersSeen(
            place=followed.place,
            inode=followed.inode,
            events=reading.events,
            local=reading.local,
            appeared=appeared,
        )

    def _leave(self, path: str) -> Iterator[Observation]:
        """A directory is gone, and with it all that was below."""
        for gone in self._forget(path):
            followed = self._followed.pop(gone, None)
            if followed is not None:
                self.changes += 1
                if followed.counters is not None:
                    followed.counters.close()
                self._paths.gone(followed.inode)
                yield CgroupGone(place=followed.place, inode=followed.inode)

    def _note(self, path: str) -> None:
        """Remember where it hangs, so that what goes with a directory is found without a search."""
        while path != "/":
            parent = path.rpartition("/")[0] or "/"
            siblings = self._below.setdefault(parent, set())
            if path in siblings:
                return
            siblings.add(path)
            path = parent

    def _forget(self, path: str) -> list[str]:
        """What was known at and below a directory; costs as much as that is."""
        self._below.get(path.rpartition("/")[0] or "/", set()).discard(path)
        gone = [path]
        for here in gone:
            gone.extend(self._below.pop(here, ()))
            self._watches.forget(here)
            self._unread.pop(here, None)
        return gone

    def _inode(self, path: str) -> int | None:
        """0 if the cgroup is gone; None if that cannot be known now."""
        try:
            return self._fs.inode(path)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return 0
            self._unread[path] = None
            self._trouble = error.absent.detail
            return None

    def _children(self, path: str) -> tuple[tuple[str, int], ...] | None:
        """None if that cannot be known now."""
        try:
            return self._fs.children(path)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return ()
            self._unread[path] = None
            self._trouble = error.absent.detail
            return None

    def _troubles(self) -> list[Observation]:
        """What has begun to limit this source, once, so that the ground truth is read again."""
        now = {"watching": self._watches.trouble, "reading": self._trouble}
        troubles = {kind for kind, detail in now.items() if detail}
        new, self._told = troubles - self._told, troubles
        return [SourceLost(source=NAME, lost=None, detail=now[kind]) for kind in sorted(new)]
