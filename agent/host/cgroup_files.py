"""The files of one cgroup, for whoever reads some of them every second

The hottest are kept open: pread(2) on a kept descriptor costs a third of opening it again, and 4.9
KB of kernel memory. The others are opened below a kept descriptor of the directory, which also
vouches for the identity: after an rmdir all of it is gone, whatever is made under that path. Beyond
half of our descriptors, and beyond `MOST_KEPT`, only directories are kept.

https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence

from agent.host.absence import SourceAbsent, absence_of
from agent.host.cgroup_fs import CgroupFs
from agent.host.files import pread_file
from agent.model.absence import Absence

MOST_KEPT = 10_240
"""Descriptors, of two thousand cgroups: 40 MB of kernel memory, which is charged to us."""

_PAGE = 4096  # what is longer is read to its end
_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_ALWAYS = "cgroup.procs"  # of v1 and v2; there while the cgroup is


class CgroupFiles:
    """One cgroup, open until closed. A file that it lacks reads as b""."""

    def __init__(self, fs: CgroupFs, path: str, inode: int, hot: Sequence[str]) -> None:
        """Raises SourceAbsent; VANISHED also if another cgroup has that path now."""
        self._path = path
        self._hot = tuple(hot)
        self._directory = fs.open_directory(path)
        self._kept = [-1] * len(self._hot)
        self._loose = False  # nothing is kept, for want of descriptors
        try:
            if os.fstat(self._directory).st_ino != inode:
                raise SourceAbsent(Absence.VANISHED, f"cgroup {path} is gone")
            self.reopen()
        except BaseException:
            self.close()
            raise

    def reopen(self) -> None:
        """Keep what is not kept yet: a controller may have come. Raises SourceAbsent."""
        most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, MOST_KEPT)
        self._loose = max(self._directory, *self._kept) >= most
        for at, name in enumerate(self._hot):
            if self._kept[at] >= 0 or self._loose:
                continue
            try:
                self._kept[at] = os.open(name, _FLAGS, dir_fd=self._directory)
            except OSError as error:
                self._missing(error, name)

    def hot(self) -> list[bytes]:
        """The hottest files as they are now. Raises SourceAbsent, VANISHED after an rmdir."""
        pread = os.pread
        try:
            found = [pread(fd, _PAGE, 0) if fd >= 0 else b"" for fd in self._kept]
        except OSError:
            return [self._kept_or_read(at) for at in range(len(self._hot))]
        if self._loose or max(map(len, found)) == _PAGE:
            return [self._kept_or_read(at) for at in range(len(self._hot))]
        return found

    def read(self, name: str) -> bytes:
        """Any file of it. Raises SourceAbsent."""
        try:
            fd = os.open(name, _FLAGS, dir_fd=self._directory)
            try:
                data = os.read(fd, _PAGE)
                return pread_file(fd, name) if len(data) == _PAGE else data
            finally:
                os.close(fd)
        except OSError as error:
            self._missing(error, name)
            return b""

    def close(self) -> None:
        """Close all; harmless when repeated."""
        for fd in (self._directory, *self._kept):
            if fd >= 0:
                os.close(fd)
        self._directory = -1
        self._kept = [-1] * len(self._hot)

    def _kept_or_read(self, at: int) -> bytes:
        name, fd = self._hot[at], self._kept[at]
        if fd < 0:
            return self.read(name)
        try:
            return pread_file(fd, name)
        except SourceAbsent:  # cgroup.pressure=0 takes the file away, the cgroup stays
            self._kept[at] = -1
            os.close(fd)
            return self.read(name)

    def _missing(self, error: OSError, name: str) -> None:
        """Nothing if the cgroup is there and only lacks the file; else raises SourceAbsent."""
        absence = absence_of(error)
        if absence is Absence.VANISHED:
            try:
                os.stat(_ALWAYS, dir_fd=self._directory)
            except OSError as gone:
                raise SourceAbsent.of(gone, self._path) from gone
        elif absence is not Absence.UNSUPPORTED:  # EOPNOTSUPP: booted with psi=0
            raise SourceAbsent.of(error, f"{self._path}/{name}") from error
