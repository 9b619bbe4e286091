"""What the memory hierarchies of cgroup v1 and v2 have in common: directories, inodes, processes.

Paths begin with "/" at the root of the hierarchy. Bytes of a name that are not printable ASCII are
`\\xNN` in them, as everywhere above this package; opening understands that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import MemoryEvents
from agent.parse.cgroup_procs import parse_procs
from agent.parse.names import printable


class CounterReading(Struct, frozen=True, kw_only=True):
    """The memory counters of one cgroup at one instant.

    `events` counts the cgroup and all below it. On v1 only its `oom_kill` means anything, and that
    counts the cgroup alone. `local` is None on v1 and on v2 before 5.2.
    """

    events: MemoryEvents
    local: MemoryEvents | None = None


class CgroupTree:
    """One mounted hierarchy, seen from a kept descriptor of its root. Its owner closes it."""

    def __init__(self, hierarchy: MemoryHierarchy) -> None:
        """Raises SourceAbsent."""
        self.mode = hierarchy.mode
        self.hierarchy = hierarchy.name
        self.root = hierarchy.mount_point
        try:
            self._root_fd = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceAbsent.of(error, self.root) from error

    def directory(self, path: str) -> Path:
        """Where the cgroup is in our own file system, for whoever must have a path (inotify)."""
        return self.root / self._relative(path)

    def inode(self, path: str) -> int:
        """The inode, which this boot gives to no other cgroup of the hierarchy.

        Raises SourceAbsent: VANISHED if the cgroup is gone.
        """
        try:
            return os.stat(self._relative(path), dir_fd=self._root_fd).st_ino
        except OSError as error:
            raise SourceAbsent.of(error, path) from error

    def children(self, path: str) -> tuple[tuple[str, int], ...]:
        """(path, inode) of the cgroups right below. Raises SourceAbsent if `path` is gone."""
        base = path.rstrip("/")
        try:
            fd = self._open_directory(path)
            try:
                with os.scandir(fd) as entries:
                    return tuple(
                        (f"{base}/{printable(os.fsencode(entry.name))}", entry.inode())
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False)
                    )
            finally:
                os.close(fd)
        except OSError as error:
            raise SourceAbsent.of(error, path) from error

    def scan(self, path: str = "/") -> Iterator[tuple[str, int]]:
        """(path, inode) of all cgroups below `path`, not of `path` itself; parents first.

        What vanishes meanwhile is skipped, what appears meanwhile may be missing. Raises
        SourceAbsent for other absences, and if `path` itself is gone.
        """
        waiting = list(self.children(path))[::-1]
        while waiting:
            below, inode = waiting.pop()
            yield below, inode
            try:
                waiting.extend(reversed(self.children(below)))
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    raise

    def discover(self) -> tuple[tuple[str, int], ...]:
        """(path, inode) of all cgroups, once, for the start. Raises SourceAbsent."""
        return tuple(self.scan())

    def procs(self, path: str) -> tuple[int, ...]:
        """Pids of the processes in this cgroup itself, zombies left out. Raises SourceAbsent."""
        return parse_procs(self.read(path, "cgroup.procs"))

    def read(self, path: str, name: str) -> bytes:
        """All bytes of a file of a cgroup.

        Raises SourceAbsent: VANISHED if the cgroup is gone, UNSUPPORTED if it lacks the file.
        """
        try:
            return read_file(f"{self._relative(path)}/{name}", dir_fd=self._root_fd)
        except SourceAbsent as error:
            raise self._named(error, path, name) from error

    def open(self, path: str, name: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of a file of a cgroup, the caller's to close. Raises as `read` does."""
        try:
            return os.open(
                f"{self._relative(path)}/{name}", flags | os.O_CLOEXEC, dir_fd=self._root_fd
            )
        except OSError as error:
            raise self._named(SourceAbsent.of(error, f"{path}/{name}"), path, name) from error

    def open_directory(self, path: str) -> int:
        """A descriptor (O_PATH) of a cgroup, for `dir_fd`; the caller's to close.

        It stays with that cgroup, whatever is made later under its path. Raises SourceAbsent.
        """
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(self._relative(path), flags, dir_fd=self._root_fd)
        except OSError as error:
            raise SourceAbsent.of(error, path) from error

    def close(self) -> None:
        """Close our descriptor of the root; harmless when repeated."""
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1

    def _named(self, absent: SourceAbsent, path: str, name: str) -> SourceAbsent:
        """Tell a cgroup that is gone from one that lacks a file."""
        if absent.absent.absence is not Absence.VANISHED:
            return absent
        try:
            self.inode(path)
        except SourceAbsent:
            return SourceAbsent(Absence.VANISHED, f"cgroup {path} is gone")
        return SourceAbsent(Absence.UNSUPPORTED, f"cgroup {path} has no {name}")

    def _relative(self, path: str) -> str:
        """The path from the root's descriptor; never one that leaves the hierarchy."""
        names = [name for name in path.split("/") if name and name != "."]
        if ".." in names:
            # What /proc/PID/cgroup shows to a reader in another cgroup namespace.
            raise SourceAbsent(Absence.FAILED, f"{path} is no path from the hierarchy's root")
        relative = "/".join(names) or "."
        if "\\x" in relative:
            return self._unescape(names)
        return relative

    def _unescape(self, names: list[str]) -> str:
        """Find names of which `\\xNN` may be an escape; systemd's own hold real backslashes."""
        found = ""
        for name in names:
            here = f"{found}{name}"
            if "\\x" in name and not self._exists(here):
                here = f"{found}{self._spelled(found or '.', name)}"
            found = f"{here}/"
        return found.rstrip("/")

    def _exists(self, relative: str) -> bool:
        try:
            os.stat(relative, dir_fd=self._root_fd)
        except OSError:
            return False
        return True

    def _spelled(self, relative: str, name: str) -> str:
        """The entry of a directory that prints as `name`, or `name` if there is none."""
        try:
            fd = os.open(
                relative, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._root_fd
            )
            try:
                names = os.listdir(fd)
            finally:
                os.close(fd)
        except OSError:
            return name
        return next((n for n in names if printable(os.fsencode(n)) == name), name)

    def _open_directory(self, path: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(self._relative(path), flags, dir_fd=self._root_fd)
