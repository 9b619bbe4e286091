"""Conditions of disks that do not answer, and of tasks that wait where no signal reaches them."""

from __future__ import annotations

from agent.model.condition import EVENT_LASTS_SECONDS, ConditionType, EntityKind, Severity

DISK_ERRORS = ConditionType(
    name="DiskErrors",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="The kernel's log says that requests to a disk have failed or were not answered, "
    "that blocks were lost, or that a file system is in error.",
    what_to_do="`nodectl io` has the kernel's lines and names the device, where it is mounted and "
    "who uses it. A bad medium only gets worse: drain the node and replace the disk. Of a network "
    "disk look at the path to it. What was lost on the way to it is lost, whatever the application "
    "believes.",
    sources=("kmsg",),
    lasts_seconds=EVENT_LASTS_SECONDS,
)
DISK_STALLED = ConditionType(
    name="DiskStalled",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="For disks.stalled_after a block device has had requests in flight and has ended "
    "none, or device-mapper has held back all that is asked of it; a warning only if no task is "
    "known or suspected to wait for it.",
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
    "average over ten seconds, or none has ended for a second, or a sync of etcd's has not ended "
    "for a second.",
    what_to_do="Leaders are lost and the API server gets slow: `nodectl io` names the device and "
    "who else uses it. Move those away, or give etcd a disk of its own that syncs in 10 ms.",
    sources=("disks",),
    raise_after_seconds=5.0,
    clear_after_seconds=15.0,
)
FILESYSTEM_FAILED = ConditionType(
    name="FilesystemFailed",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The kernel's log says that it has given up a file system, for writing or "
    "altogether, and not that it was unmounted or mounted anew since.",
    what_to_do="Pods that write there get errors, and on the node's own disk so do the kubelet and "
    "the runtime. `nodectl io` names the device and who uses it. Move the pods away, unmount it, "
    "check it (`fsck`, `xfs_repair`) and its disk, and mount it again: nothing else brings it "
    "back.",
    sources=("kmsg",),
    clear_after_seconds=5.0,
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

TYPES = (DISK_ERRORS, DISK_STALLED, ETCD_DISK_SLOW, FILESYSTEM_FAILED, TASKS_BLOCKED)
