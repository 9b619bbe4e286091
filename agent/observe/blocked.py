"""Samples the tasks in state D of the whole node, and of some of them the stack and the mounts.

Nothing here is for the event loop: stack can wait for a process that hangs in execve(2), mountinfo
for a mount that hangs. `scan` reads neither.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.block_io_delays import BlockIoDelays
from agent.host.open_devices import OpenDevices
from agent.host.proc import ProcReader
from agent.host.task_scan import BLOCKED, TaskScan
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.model.afterlife import Task
from agent.model.blocked import BlockedTask

MAX_TASKS = 512
"""Tasks in state D of which more than that is read."""
KTHREADD = 2
FROZEN = "__refrigerator"
"""Where what the freezer of cgroup v1 holds waits: nothing is wrong with it."""


class Scan(Struct, frozen=True, kw_only=True):
    """One look."""

    tasks: tuple[BlockedTask, ...]
    counted: int
    looked_at: int
    seconds: float  # of a CPU
    io_delay_absent: str  # why it is known of none how long it waited for block io


class BlockedSight:
    """Looks at all tasks."""

    def __init__(
        self,
        scan: TaskScan,
        tasks: TaskReader,
        proc: ProcReader,
        devices: OpenDevices,
        delays: BlockIoDelays,
    ) -> None:
        self._scan = scan
        self._tasks = tasks
        self._proc = proc
        self._devices = devices
        self._delays = delays

    def scan(self) -> Scan:
        """Raises SourceAbsent if procfs cannot be listed."""
        begun = time.thread_time()
        found: list[BlockedTask] = []
        counted = 0
        absent = self._delays.absent()
        for pid, tid in self._scan.blocked():
            if len(found) >= MAX_TASKS:
                counted += 1
                continue
            blocked = self._read(pid, tid, delay=not absent)
            if blocked is not None:
                counted += 1
                found.append(blocked)
        return Scan(
            tasks=tuple(found),
            counted=counted,
            looked_at=self._scan.looked_at,
            seconds=time.thread_time() - begun,
            io_delay_absent=absent,
        )

    def _read(self, pid: int, tid: int, *, delay: bool) -> BlockedTask | None:
        """None: it goes on meanwhile, or it is frozen."""
        switches = self._scan.switches(pid, tid)
        try:
            task = self._tasks.task(pid, tid)
            cgroup = self._proc.memory_cgroup(pid)
            parent = self._proc.stat(pid).ppid
        except (SourceAbsent, ParseError):
            return None
        if task.state != BLOCKED or task.wchan == FROZEN:
            return None
        kernel = KTHREADD in (pid, parent)
        return BlockedTask(
            task=task,
            switches=switches,
            kernel=kernel,
            cgroup=cgroup,
            io_delay_seconds=self._delays.of_thread(pid, tid) if delay else None,
        )

    def stacks(self, tasks: Iterable[Task]) -> list[Task]:
        """The same with their kernel stacks, or why there are none."""
        return [self._tasks.with_stack(task) for task in tasks]

    def with_devices(self, blocked: BlockedTask) -> BlockedTask:
        """The same with the devices that it may wait for, as far as that can be read."""
        try:
            mounts = self._devices.mounts(blocked.task.pid)
            devices = frozenset(mounts.values())
            blocked = replace(blocked, devices=devices)
            return replace(blocked, opened=self._devices.opened(blocked.task.pid, mounts))
        except (SourceAbsent, ParseError):
            return blocked
