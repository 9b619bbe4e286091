"""The memory controller on cgroup v1: memory.oom_control, memory.limit_in_bytes

Hot reads are plain preads. What is asked for rarely (who is there at the start, what one cgroup
uses) goes through cgroupspy, read-only: its descriptors write on assignment and its `sub_groups`
create, so neither is ever given to it.

https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NoReturn

from cgroupspy.controllers import Controller
from cgroupspy.interfaces import DictFile, IntegerFile, MultiLineIntegerFile
from cgroupspy.nodes import Node
from cgroupspy.trees import Tree
from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.cgroup_tree import CgroupTree, CounterReading
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import MemoryEvents, MemoryLimit
from agent.parse.memory_limit import parse_limit_in_bytes
from agent.parse.memory_oom_control import parse_oom_kill
from agent.parse.names import printable

_PAGE = 4096
_TREE_TRIES = 5


class V1Counters:
    """A kept descriptor of memory.oom_control of one cgroup; VANISHED once that is removed."""

    def __init__(self, tree: CgroupTree, path: str) -> None:
        """Raises SourceAbsent."""
        self._path = path
        self._fd = tree.open(path, "memory.oom_control")

    def read(self) -> CounterReading:
        """Read it now. Raises SourceAbsent: UNSUPPORTED before 4.13, which does not count."""
        try:
            data = os.pread(self._fd, _PAGE, 0)
        except OSError as error:
            raise SourceAbsent.of(error, f"{self._path}/memory.oom_control") from error
        oom_kill = parse_oom_kill(data)
        if oom_kill is None:
            detail = "this kernel does not count oom_kill in memory.oom_control (4.13 does)"
            raise SourceAbsent(Absence.UNSUPPORTED, detail)
        return CounterReading(events=MemoryEvents(oom=0, oom_kill=oom_kill))

    def close(self) -> None:
        """Close it; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ReadOnlyMemory(Controller):  # type: ignore[misc] # cgroupspy ships no types
    """cgroupspy's memory controller with every way to write closed."""

    tasks = MultiLineIntegerFile("tasks", readonly=True)
    procs = MultiLineIntegerFile("cgroup.procs", readonly=True)
    notify_on_release = IntegerFile("notify_on_release", readonly=True)
    clone_children = IntegerFile("cgroup.clone_children", readonly=True)
    failcnt = IntegerFile("memory.failcnt", readonly=True)
    limit_in_bytes = IntegerFile("memory.limit_in_bytes", readonly=True)
    soft_limit_in_bytes = IntegerFile("memory.soft_limit_in_bytes", readonly=True)
    usage_in_bytes = IntegerFile("memory.usage_in_bytes", readonly=True)
    max_usage_in_bytes = IntegerFile("memory.max_usage_in_bytes", readonly=True)
    memsw_limit_in_bytes = IntegerFile("memory.memsw.limit_in_bytes", readonly=True)
    memsw_usage_in_bytes = IntegerFile("memory.memsw.usage_in_bytes", readonly=True)
    stat = DictFile("memory.stat", readonly=True)

    def set_property(self, filename: Any, value: Any) -> NoReturn:
        """Never: this agent changes no cgroup that it has not made."""
        raise PermissionError(f"read-only: {filename!r}")


class V1Inspection(Struct, frozen=True, kw_only=True):
    """What one cgroup uses and may use. Bytes; None: no such file, as without swap accounting."""

    usage_bytes: int
    max_usage_bytes: int
    limit: MemoryLimit
    failcnt: int  # how often the limit was hit
    memsw_usage_bytes: int | None
    memsw_limit: MemoryLimit | None
    stat: dict[str, int]


class CgroupV1(CgroupTree):
    """The v1 memory hierarchy."""

    counter_file = "memory.oom_control"
    local_events_only = True  # v1 sums nothing up

    def open_counters(self, path: str) -> V1Counters:
        """The caller closes them. Raises SourceAbsent."""
        return V1Counters(self, path)

    def limit(self, path: str) -> MemoryLimit:
        """memory.limit_in_bytes. Raises SourceAbsent, ParseError."""
        return parse_limit_in_bytes(self.read(path, "memory.limit_in_bytes"))

    def populated(self, path: str) -> bool:
        """Whether there is a live process in it or below it. Raises SourceAbsent.

        v1 has no such file: the processes of the whole subtree are looked for.
        """
        if self.procs(path):
            return True
        for below, _ in self.scan(path):
            try:
                if self.procs(below):
                    return True
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    raise
        return False

    def oom_group(self, path: str) -> bool:
        """Always False: v1 kills one process at a time."""
        self.inode(path)
        return False

    def discover(self) -> tuple[tuple[str, int], ...]:
        """(path, inode) of all cgroups, once, for the start: 40 to 60 ms for 250 of them.

        cgroupspy lists a tree that changes under its hands; it is asked again, and after five
        times our own walk, which skips what vanishes, has the word. Raises SourceAbsent.
        """
        for _ in range(_TREE_TRIES):
            try:
                tree = Tree(root_path=os.fsencode(self.root))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceAbsent.of(error, self.root) from error
            return tuple(_nodes(tree))
        return super().discover()

    def inspect(self, path: str) -> V1Inspection:
        """Look at one cgroup closely. Raises SourceAbsent."""
        node = Node(os.fsencode(self.root / self._relative(path)))
        memory = ReadOnlyMemory(node)
        try:
            return V1Inspection(
                usage_bytes=memory.usage_in_bytes,
                max_usage_bytes=memory.max_usage_in_bytes,
                limit=_limit(memory.limit_in_bytes),
                failcnt=memory.failcnt,
                memsw_usage_bytes=memory.get_content("memsw_usage_in_bytes"),
                memsw_limit=_limit_or_none(memory.get_content("memsw_limit_in_bytes")),
                stat=memory.stat,
            )
        except OSError as error:
            raise SourceAbsent.of(error, path) from error
        except ValueError as error:  # cgroupspy's int() and split()
            raise ParseError("the known files of a v1 memory cgroup", str(error)) from error


def _nodes(tree: Any) -> Iterator[tuple[str, int]]:
    """(path, inode) of a cgroupspy tree's nodes, but for its root and for what is gone by now."""
    for node in tree.walk():
        if node.parent is not None:
            with contextlib.suppress(FileNotFoundError):
                yield printable(node.path), os.stat(node.full_path).st_ino


def _limit(value: int) -> MemoryLimit:
    return parse_limit_in_bytes(str(value).encode())


def _limit_or_none(value: int | None) -> MemoryLimit | None:
    return None if value is None else _limit(value)
