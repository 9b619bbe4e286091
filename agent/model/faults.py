"""What the kernel's own log says of disks that fail and of tasks and CPUs that hang."""

from __future__ import annotations

import enum

from msgspec import Struct


class FaultKind(enum.Enum):
    """What the line says. The values are labels of a metric."""

    REQUEST = "request"  # a request to a device has failed
    MEDIUM = "medium"  # the same, for the medium is bad there
    TIMEOUT = "timeout"  # the driver has waited in vain for a command
    BUFFER = "buffer"  # a block could not be read, or was lost when written
    FILESYSTEM = "filesystem"  # a file system has found itself in error
    READ_ONLY = "read_only"  # and takes no more writes
    SHUTDOWN = "shutdown"  # and takes nothing any more
    HUNG_TASK = "hung_task"
    SOFT_LOCKUP = "soft_lockup"
    RCU_STALL = "rcu_stall"
    MOUNTED = "mounted"  # no fault: a file system begins anew, or ends


OF_DISKS = frozenset(
    (
        FaultKind.REQUEST,
        FaultKind.MEDIUM,
        FaultKind.TIMEOUT,
        FaultKind.BUFFER,
        FaultKind.FILESYSTEM,
        FaultKind.READ_ONLY,
        FaultKind.SHUTDOWN,
    )
)
BROKEN = frozenset((FaultKind.READ_ONLY, FaultKind.SHUTDOWN))
"""Of a file system, until it is mounted anew."""
WITHOUT_DEVICE = (FaultKind.HUNG_TASK, FaultKind.SOFT_LOCKUP, FaultKind.RCU_STALL)


class KernelFault(Struct, frozen=True, kw_only=True):
    """One line. `text` is the whole of it, safe to print."""

    kind: FaultKind
    device: str = ""  # as the kernel names it: a disk, a partition, an NVMe controller
    comm: str = ""  # of the task that hangs, or that ran on the CPU that does
    pid: int | None = None
    seconds: int | None = None  # that the kernel says it has hung for
    text: str


class FaultSum(Struct, frozen=True, kw_only=True):
    """All lines of one kind about one device or one task: how many, and the last of them."""

    count: int
    first_boottime_ns: int
    last_boottime_ns: int
    last: KernelFault


class FaultReport(Struct, frozen=True, kw_only=True):
    """What was read of this boot, as far as the kernel's log still had it; the newest first."""

    sums: tuple[FaultSum, ...] = ()
    counts: tuple[tuple[FaultKind, str, int], ...] = ()
    """By kind and device, never falling; more devices than are kept count as "others"."""

    def of_disks(self) -> tuple[FaultSum, ...]:
        """Those that a disk or a file system is behind."""
        return tuple(each for each in self.sums if each.last.kind in OF_DISKS)

    def of_tasks(self) -> tuple[FaultSum, ...]:
        """Those of tasks and CPUs."""
        return tuple(each for each in self.sums if each.last.kind not in OF_DISKS)
