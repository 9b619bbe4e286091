"""The pressure files of the node and of cgroups: /proc/pressure/*, <cgroup>/*.pressure

https://docs.kernel.org/accounting/psi.html
"""

from __future__ import annotations

import os

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.pressure import Resource

NODE = ""
"""In place of a cgroup's path: the whole node, which is more than the root cgroup's processes."""


class PressureFiles:
    """Reads and opens them; holds nothing open itself."""

    def __init__(self, root: HostRoot, fs: CgroupFs) -> None:
        self._directory = root.proc / "pressure"
        self._fs = fs

    def read(self, path: str, resource: Resource) -> bytes:
        """Raises SourceAbsent: UNSUPPORTED if the kernel keeps no pressure, VANISHED if the cgroup
        is gone.
        """
        self._check(path)
        try:
            if path == NODE:
                return read_file(self._directory / resource.value)
            return self._fs.read(path, f"{resource.value}.pressure")
        except SourceAbsent as error:
            raise self._named(error, path) from error

    def open(self, path: str, resource: Resource, flags: int) -> int:
        """A descriptor, the caller's to close. Raises as `read` does; DENIED if it is to be written
        and we may not.
        """
        self._check(path)
        try:
            if path == NODE:
                where = self._directory / resource.value
                try:
                    return os.open(where, flags | os.O_CLOEXEC)
                except OSError as error:
                    raise SourceAbsent.of(error, where) from error
            return self._fs.open(path, f"{resource.value}.pressure", flags)
        except SourceAbsent as error:
            raise self._named(error, path) from error

    def children(self, path: str) -> tuple[str, ...]:
        """Paths of the cgroups right below a cgroup. Raises SourceAbsent."""
        return tuple(child for child, _ in self._fs.children(path))

    @property
    def has_groups(self) -> bool:
        """Whether cgroups have pressure files here: on v2 alone."""
        return self._fs.mode is CgroupMode.V2

    def _check(self, path: str) -> None:
        if path != NODE and not self.has_groups:
            raise SourceAbsent(Absence.UNSUPPORTED, "cgroup v1 keeps no pressure of a cgroup")

    def _named(self, error: SourceAbsent, path: str) -> SourceAbsent:
        """Without PSI there is no such directory, and cgroup files are not there or refuse."""
        absence = error.absent.absence
        no_node = path == NODE and absence is Absence.VANISHED
        if no_node or absence is Absence.UNSUPPORTED:
            return SourceAbsent(
                Absence.UNSUPPORTED,
                f"{error.absent.detail}; the kernel keeps no pressure: boot it with psi=1 "
                "(it needs CONFIG_PSI)",
            )
        return error
