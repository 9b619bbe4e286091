"""The memory controller on cgroup v2: memory.events, memory.events.local, memory.max

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

import errno
import os
import resource

from agent.host.absence import SourceAbsent
from agent.host.cgroup_tree import CgroupTree, CounterReading
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import Limit, MemoryLimit
from agent.parse.cgroup_events import parse_cgroup_events
from agent.parse.memory_events import parse_memory_events
from agent.parse.memory_limit import parse_memory_max

RESERVED_FDS = 256
"""Left free for all else (clients, procfs, the journal): the kernel gives the lowest number that is
free, so a descriptor near the limit means that few are left.
"""
_PAGE = 4096  # more than either file can be; one read returns all of a kernfs file


class V2Counters:
    """Kept descriptors of memory.events and memory.events.local of one cgroup.

    They stay with the cgroup that they were opened for: when it is removed, reading says VANISHED,
    whatever is made later under the same path. Each costs the kernel 4.9 KB.
    """

    def __init__(self, tree: CgroupTree, path: str) -> None:
        """Raises SourceAbsent; FAILED with EMFILE while there are descriptors for others still."""
        self._path = path
        self._local_fd = -1
        self._events_fd = tree.open(path, "memory.events")
        if self._events_fd >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED_FDS:
            self.close()
            raise SourceAbsent.of(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), path)
        try:
            self._local_fd = tree.open(path, "memory.events.local")
        except SourceAbsent as error:  # 1e577f970f66 (5.2)
            if error.absent.absence is not Absence.UNSUPPORTED:
                self.close()
                raise

    def read(self) -> CounterReading:
        """Read both now. Raises SourceAbsent: VANISHED (ENODEV) once the cgroup is removed."""
        try:
            events = os.pread(self._events_fd, _PAGE, 0)
            local = os.pread(self._local_fd, _PAGE, 0) if self._local_fd >= 0 else b""
        except OSError as error:
            raise SourceAbsent.of(error, f"{self._path}/memory.events") from error
        return CounterReading(
            events=parse_memory_events(events),
            local=parse_memory_events(local) if local else None,
        )

    def close(self) -> None:
        """Close both; harmless when repeated."""
        for fd in (self._events_fd, self._local_fd):
            if fd >= 0:
                os.close(fd)
        self._events_fd = self._local_fd = -1


class CgroupV2(CgroupTree):
    """The unified hierarchy."""

    counter_file = "memory.events"

    def __init__(self, hierarchy: MemoryHierarchy) -> None:
        super().__init__(hierarchy)
        self.local_events_only = hierarchy.local_events_only

    def open_counters(self, path: str) -> V2Counters:
        """The caller closes them. Raises SourceAbsent.

        UNSUPPORTED: the root has none, nor has a cgroup whose parent does not hand the memory
        controller down in its cgroup.subtree_control.
        """
        return V2Counters(self, path)

    def limit(self, path: str) -> MemoryLimit:
        """memory.max in bytes; the root has no limit. Raises SourceAbsent, ParseError."""
        if not path.strip("/"):
            return Limit.UNLIMITED
        return parse_memory_max(self.read(path, "memory.max"))

    def populated(self, path: str) -> bool:
        """Whether there is a live process in it or below it. Raises SourceAbsent, ParseError."""
        if not path.strip("/"):
            return True  # the root has no cgroup.events, and we live
        return parse_cgroup_events(self.read(path, "cgroup.events")).populated

    def oom_group(self, path: str) -> bool:
        """memory.oom.group: whether a kill takes all processes of it. Raises SourceAbsent."""
        try:
            return self.read(path, "memory.oom.group").strip() == b"1"
        except SourceAbsent as error:
            if error.absent.absence is Absence.UNSUPPORTED:  # the root, and 4.18 and before
                return False
            raise
