"""Conditions of disks that do not answer, and of tasks that wait where no signal reaches them."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

DISK_STALLED = ConditionType(
    name="DiskStalled",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="For disks.stalled_after a block device has had requests in flight and has ended "
    "none, or device-mapper has held back all that is asked of it; a warning only if nobody waits.",
    what_to_do="`nodectl io` names the device, what it lies on, where it is mounted and who uses "
    "it. Look at what is beneath: the cloud's volume, the path to the array, a snapshot that "
    "suspended it (`dmsetup resume NAME`). Who waits for it cannot be killed.",
    sources=("disks",),
    clear_after_seconds=5.0,
)
ETCD_DISK_SLOW = ConditionType(
    name="EtcdDiskSlow",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="Writes or flushes of the disk that etcd syncs its log to take 100 ms or more on "
    "average over ten seconds, or none has ended for a second.",
    what_to_do="Leaders are lost and the API server gets slow: `nodectl io` names the device and "
    "who else uses it. Move those away, or give etcd a disk of its own that syncs in 10 ms.",
    sources=("disks",),
    raise_after_seconds=5.0,
    clear_after_seconds=15.0,
)
TASKS_BLOCKED = ConditionType(
    name="TasksBlocked",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For disks.blocked_after tasks have been in state D (uninterruptible) without "
    "running once, the kernel's own threads aside.",
    what_to_do="No signal ends them. `nodectl blocked` says where each waits and for whose pod: a "
    "disk (DiskStalled names it), a network file system, a driver. They go on by themselves when "
    "that answers; their pods cannot be stopped before.",
    sources=("blocked",),
    clear_after_seconds=5.0,
)

TYPES = (DISK_STALLED, ETCD_DISK_SLOW, TASKS_BLOCKED)
