"""Samples the cgroups of pods in which nothing lives any more.

The kubelet makes a pod's cgroup before it asks for a sandbox, and may wait for a volume in between:
one in which no process has ever run is not what a dead pod has left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agent.host.absence import SourceAbsent
from agent.model.absence import ParseError
from agent.model.cgroup import CgroupMode
from agent.model.network import EmptyPod
from agent.parse.cpu_stat import parse_cpu_stat
from agent.parse.digits import number


class Cgroups(Protocol):
    """What we ask of a hierarchy; agent.host.cgroup_fs.CgroupFs does."""

    @property
    def mode(self) -> CgroupMode: ...

    def inode(self, path: str) -> int: ...

    def populated(self, path: str) -> bool: ...

    def read(self, path: str, name: str) -> bytes: ...


def empty_pods(fs: Cgroups, suspects: Iterable[EmptyPod]) -> tuple[EmptyPod, ...]:
    """Those of them whose cgroup is there, was used and holds no process. For a worker.

    What is gone by now, or cannot be read, is left out.
    """
    return tuple(each for each in suspects if _is_empty(fs, each))


def _is_empty(fs: Cgroups, suspect: EmptyPod) -> bool:
    path = suspect.path
    try:
        same = fs.inode(path) == suspect.inode
        return same and not fs.populated(path) and _was_used(fs, path)
    except (SourceAbsent, ParseError):
        return False


def _was_used(fs: Cgroups, path: str) -> bool:
    """Whether a process has run in it or below it: what those have used that are gone is kept."""
    if fs.mode is CgroupMode.V2:
        return parse_cpu_stat(fs.read(path, "cpu.stat")).usage_us > 0
    peak = fs.read(path, "memory.max_usage_in_bytes").removesuffix(b"\n")
    return number(peak, "memory.max_usage_in_bytes") > 0
