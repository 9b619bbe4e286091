"""What inotify watches of the cgroup tree, and what it could not take: that is polled instead.

Watches and instances are bounded for each user (fs.inotify.max_user_watches, max_user_instances),
and all daemons of root share the bound. What found no room is wanting: whoever owns this asks for
those by `wanting`, looks at them himself, and lets `retry` try again, for the bound can be raised
at any time.

https://docs.kernel.org/admin-guide/sysctl/fs.html
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from itertools import islice

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.inotify import IN_CREATE, IN_DELETE, IN_MODIFY, IN_ONLYDIR, Inotify
from agent.model.absence import Absence

RETRIES = 256
"""Watches that are tried again in one tick: a system call each."""


class Watched(Enum):
    """What is watched of a cgroup: the file's name in it, and the events."""

    CHILDREN = ("", IN_CREATE | IN_DELETE | IN_ONLYDIR)
    COUNTERS = ("memory.events", IN_MODIFY)


class Watches:
    """Owns an inotify instance, if there is one to be had."""

    def __init__(self, fs: CgroupFs, open_inotify: Callable[[], Inotify]) -> None:
        self._fs = fs
        self._open = open_inotify
        self._inotify: Inotify | None = None
        self._by_wd: dict[int, tuple[str, Watched]] = {}
        self._by_path: dict[str, dict[Watched, int]] = {}
        self._wanting: dict[tuple[str, Watched], None] = {}
        self.trouble = ""
        """Why some are wanting, and what to do; empty if none is."""
        self._renew()

    @property
    def inotify(self) -> Inotify | None:
        """The instance; None while there is none."""
        return self._inotify

    def add(self, path: str, what: Watched) -> None:
        """Watch a cgroup, or note that it is wanting; no effect on one that is gone."""
        self._wanting.pop((path, what), None)
        try:
            self._add(path, what)
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                self._wanting[path, what] = None
                self.trouble = error.absent.detail

    def _add(self, path: str, what: Watched) -> None:
        if self._inotify is None:
            raise SourceAbsent(Absence.FAILED, self.trouble)
        name, mask = what.value
        wd = self._inotify.add_watch(self._fs.directory(path) / name, mask)
        self._by_wd[wd] = (path, what)
        self._by_path.setdefault(path, {})[what] = wd

    def of(self, wd: int) -> tuple[str, Watched] | None:
        """What a watch descriptor stands for."""
        return self._by_wd.get(wd)

    def wanting(self, what: Watched) -> list[str]:
        """The cgroups of which this could not be watched."""
        return [path for path, wanted in self._wanting if wanted is what]

    def retry(self) -> list[tuple[str, Watched]]:
        """Try again what is wanting, until there is no more room; returns what is watched now."""
        if self._inotify is None:
            self._renew()
        if self._inotify is None:
            return []
        won: list[tuple[str, Watched]] = []
        for path, what in list(islice(self._wanting, RETRIES)):
            try:
                self._add(path, what)
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    self.trouble = error.absent.detail
                    break
            else:
                won.append((path, what))
            del self._wanting[path, what]
        if not self._wanting:
            self.trouble = ""
        return won

    def ignored(self, wd: int) -> None:
        """The kernel has dropped a watch (IN_IGNORED): its object is gone."""
        path, what = self._by_wd.pop(wd, ("", None))
        if what is not None and self._by_path.get(path, {}).get(what) == wd:
            del self._by_path[path][what]

    def forget(self, path: str) -> None:
        """The cgroup is gone; its watches go with it."""
        for wd in self._by_path.pop(path, {}).values():
            self._by_wd.pop(wd, None)
        for what in Watched:
            self._wanting.pop((path, what), None)

    def broke(self, detail: str) -> None:
        """The instance cannot be read: all that it watched is wanting, until there is a new one."""
        for path, wds in self._by_path.items():
            self._wanting.update(dict.fromkeys((path, what) for what in wds))
        self._by_path.clear()
        self._by_wd.clear()
        self.close()
        self.trouble = detail

    def _renew(self) -> None:
        try:
            self._inotify = self._open()
        except SourceAbsent as error:
            self.trouble = error.absent.detail

    def close(self) -> None:
        """Close the instance; harmless when repeated."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
