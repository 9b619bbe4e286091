"""The memory hierarchy of the host, v1 and v2 alike, as watchers and samplers see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.host.cgroup_tree import CounterReading
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import find_memory_hierarchy
from agent.host.root import HostRoot
from agent.model.cgroup import CgroupMode, MemoryLimit

if TYPE_CHECKING:
    from agent.host.cgroup_v1 import CgroupV1


class CgroupCounters(Protocol):
    """The counters of one cgroup, on kept descriptors."""

    def read(self) -> CounterReading:
        """Read now. Raises SourceAbsent: VANISHED once the cgroup is removed; ParseError."""
        ...

    def close(self) -> None: ...


class CgroupFs(Protocol):
    """One hierarchy. Paths begin with "/" at its root. All methods raise SourceAbsent."""

    @property
    def mode(self) -> CgroupMode: ...

    @property
    def hierarchy(self) -> str:
        """For CgroupId.hierarchy: "v2" or "memory"."""
        ...

    @property
    def root(self) -> Path:
        """Where its root is in our own file system."""
        ...

    @property
    def local_events_only(self) -> bool:
        """Counters count a cgroup without those below it: v1, or v2 with memory_localevents."""
        ...

    @property
    def counter_file(self) -> str:
        """The name of the file in which `oom_kill` is counted."""
        ...

    def directory(self, path: str) -> Path: ...

    def inode(self, path: str) -> int: ...

    def children(self, path: str) -> tuple[tuple[str, int], ...]: ...

    def scan(self, path: str = "/") -> Iterator[tuple[str, int]]: ...

    def discover(self) -> tuple[tuple[str, int], ...]: ...

    def open_counters(self, path: str) -> CgroupCounters: ...

    def limit(self, path: str) -> MemoryLimit: ...

    def procs(self, path: str) -> tuple[int, ...]: ...

    def populated(self, path: str) -> bool: ...

    def oom_group(self, path: str) -> bool: ...

    def read(self, path: str, name: str) -> bytes: ...

    def open(self, path: str, name: str, flags: int = ...) -> int: ...

    def open_directory(self, path: str) -> int: ...

    def close(self) -> None: ...


def open_cgroup_fs(root: HostRoot) -> CgroupV1 | CgroupV2:
    """The hierarchy with the memory controller. Raises SourceAbsent; the caller closes it."""
    hierarchy = find_memory_hierarchy(root)
    match hierarchy.mode:
        case CgroupMode.V2:
            return CgroupV2(hierarchy)
        case CgroupMode.V1 | CgroupMode.HYBRID:
            from agent.host.cgroup_v1 import CgroupV1

            return CgroupV1(hierarchy)
