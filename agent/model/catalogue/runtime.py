"""Conditions of the container runtime itself."""

from __future__ import annotations

from agent.model.condition import EVENT_LASTS_SECONDS, ConditionType, EntityKind, Severity

CREATION_STALLED = ConditionType(
    name="CreationStalled",
    severity=Severity.WARNING,
    entity=EntityKind.POD,
    fires_when="For runtime.creation_stalled_after a pod has had no sandbox, or a container that "
    "the runtime has made for it has not been started; waiting for images does not count.",
    what_to_do="The reason is the step that it hangs in; the message says who works on it, and "
    "where that waits: a CNI plugin, the shim, or runc's process. If nobody does, ask the "
    "kubelet: its log names the volume that it waits for. `nodectl runtime` has all of them.",
    sources=("runtime",),
    clear_after_seconds=5.0,
)
RUNTIME_OOM_KILLED = ConditionType(
    name="RuntimeOOMKilled",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The kernel's OOM killer killed the container runtime's daemon or one of its shims.",
    what_to_do="`nodectl runtime` says whether it is back, `nodectl oom` whose limit fired. Give "
    "its unit more memory or memory.min, and see who ate the rest.",
    sources=("vmstat", "kmsg|trace"),
    lasts_seconds=EVENT_LASTS_SECONDS,
)
RUNTIME_UNRESPONSIVE = ConditionType(
    name="RuntimeUnresponsive",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The container runtime's socket is gone or refuses connections, or one of Version, "
    "Status and ListPodSandbox fails or has not been answered within its deadline.",
    what_to_do="No pod starts, stops or is probed by exec; those that run go on. The message names "
    "the rung and the process: continue it if it is stopped (T), look for the disk if it is "
    "blocked (D), else take a stack dump (SIGUSR1) and restart it: containers outlive that.",
    sources=("runtime",),
    raise_after_seconds=5.0,
    clear_after_seconds=2.0,
)
SHIM_BLOCKED = ConditionType(
    name="ShimBlocked",
    severity=Severity.WARNING,
    entity=EntityKind.POD,
    fires_when="For disks.blocked_after a thread of a pod's shim has been in state D "
    "(uninterruptible) without running once.",
    what_to_do="A start, a stop or an exec in this pod hangs with it, and no signal ends it. Its "
    "wchan and stack say what it waits for, as a rule a disk, which DiskStalled names. It goes on "
    "by itself when that answers.",
    sources=("runtime", "blocked"),
    clear_after_seconds=5.0,
)

TYPES = (CREATION_STALLED, RUNTIME_OOM_KILLED, RUNTIME_UNRESPONSIVE, SHIM_BLOCKED)
