"""The root's memory as the kubelet reads it, the limit of kubepods, and the node's tasks

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode, Limit
from agent.model.memory import Room, RootMemory
from agent.parse.digits import number
from agent.parse.loadavg import parse_tasks
from agent.parse.meminfo import parse_meminfo
from agent.parse.root_memory_stat import parse_root_memory_stat, parse_total_inactive_file

KUBEPODS = ("/kubepods.slice", "/kubepods")


class NodeMemory:
    """Reads a handful of small files of the kernel; holds nothing open."""

    def __init__(self, root: HostRoot, fs: CgroupFs) -> None:
        self._root = root
        self._fs = fs

    def root(self) -> RootMemory:
        """MemTotal, MemFree and the root cgroup's figures. Raises SourceAbsent, ParseError."""
        total, free = parse_meminfo(read_file(self._root.proc / "meminfo"))
        stat = self._fs.read("/", "memory.stat")
        if self._fs.mode is CgroupMode.V2:
            anon, file, inactive_file = parse_root_memory_stat(stat)
            return RootMemory(
                total=total, free=free, inactive_file=inactive_file, anon=anon, file=file
            )
        return RootMemory(
            total=total,
            free=free,
            inactive_file=parse_total_inactive_file(stat),
            usage=self._number("/", "memory.usage_in_bytes"),
        )

    def kubepods(self) -> Room:
        """allocatableMemory.available: the limit of kubepods - its working set.

        Raises SourceAbsent: VANISHED without kubepods, UNSUPPORTED without a limit; ParseError.
        """
        for path in KUBEPODS:
            try:
                limit = self._fs.limit(path)
            except SourceAbsent as error:
                if error.absent.absence is Absence.VANISHED:
                    continue
                raise
            if isinstance(limit, Limit):
                raise SourceAbsent(Absence.UNSUPPORTED, f"{path} has no memory limit")
            working_set = self._working_set(path)
            return Room(available=max(0, limit - working_set), capacity=limit)
        raise SourceAbsent(Absence.VANISHED, "no cgroup of kubepods")

    def tasks(self) -> Room:
        """pid.available: the least of pid_max and threads-max - the tasks that there are.

        As pkg/kubelet/stats/pidlimit/pidlimit_linux.go. Raises SourceAbsent, ParseError.
        """
        sysctl = self._root.proc / "sys/kernel"
        limit = min(
            number(read_file(sysctl / name).strip(), name) for name in ("pid_max", "threads-max")
        )
        tasks = parse_tasks(read_file(self._root.proc / "loadavg"))
        return Room(available=limit - tasks, capacity=limit)

    def _working_set(self, path: str) -> int:
        stat = self._fs.read(path, "memory.stat")
        if self._fs.mode is CgroupMode.V2:
            _, _, inactive_file = parse_root_memory_stat(stat)
            return max(0, self._number(path, "memory.current") - inactive_file)
        usage = self._number(path, "memory.usage_in_bytes")
        return max(0, usage - parse_total_inactive_file(stat))

    def _number(self, path: str, name: str) -> int:
        return number(self._fs.read(path, name).strip(), name)
