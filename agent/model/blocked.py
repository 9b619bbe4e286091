"""Tasks in state D: who waits where no signal reaches him, since when, and for whose pod."""

from __future__ import annotations

from msgspec import Struct

from agent.model.afterlife import Task
from agent.model.oom import Container


class BlockedTask(Struct, frozen=True, kw_only=True):
    """One task. Since `task.since_boottime_ns` it has waited in one place, as far as we looked."""

    task: Task
    switches: int | None  # how often it had left a CPU then; None: not read
    kernel: bool = False  # a thread of the kernel's own
    cgroup: str = ""
    names: Container | None = None  # of the pod's container that it is in
    unit: str = ""
    devices: frozenset[str] | None = None
    """ "253:0": those in its mount table. None: not read."""
    opened: frozenset[str] | None = None
    """Block devices that it has open, or has open files on. None: not read."""
    io_delay_seconds: float | None = None  # that it waited for block io, ever; None: not known

    @property
    def sharers(self) -> str | int:
        """Who has the same mount table, of a pod: the container; who has the same descriptors, of
        the host: the process.
        """
        return self.task.pid if self.names is None or not self.names.id else self.names.id


class BlockedReport(Struct, frozen=True, kw_only=True):
    """The last look."""

    boottime_ns: int  # of the report
    wall_ns: int
    looked_boottime_ns: int
    blocked_after_seconds: float
    tasks: tuple[BlockedTask, ...] = ()  # the longest first; at most so many are kept
    more: int = 0
    counted: int = 0  # tasks in state D
    looked_at: int = 0  # tasks of the node
    look_seconds: float = 0.0
    io_delay_absent: str = ""  # why none has an io_delay_seconds
    absent: str = ""

    def seconds(self, blocked: BlockedTask) -> float:
        """For how long it is known not to have run; as of the last look."""
        since = blocked.task.since_boottime_ns
        return 0.0 if since is None else max(0, self.looked_boottime_ns - since) / 1e9

    def stuck(self) -> tuple[BlockedTask, ...]:
        """Those that have waited for too long, the kernel's own left out."""
        return tuple(
            b for b in self.tasks if not b.kernel and self.seconds(b) >= self.blocked_after_seconds
        )
