"""Conditions of what should be gone and is there, and of what should live and is dead."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

DEAD_POD = ConditionType(
    name="DeadPod",
    severity=Severity.WARNING,
    entity=EntityKind.POD,
    fires_when="A pod's cgroup is there, and for half a minute none of its containers has had "
    "a live process; the reason is AllCompleted if each exited with 0, as those of a job do.",
    what_to_do="The evidence says how they ended. It counts as a pod that exists: a "
    "PodDisruptionBudget may wait for it although nothing works behind it.",
    sources=("memory.events", "tasks"),
)
GHOST_CONTAINER = ConditionType(
    name="GhostContainer",
    severity=Severity.CRITICAL,
    entity=EntityKind.CONTAINER,
    fires_when="A container's cgroup holds processes, and two whole answers of the runtime, "
    "ten seconds apart, did not know the container.",
    what_to_do="Nobody will stop or restart it, and its memory, ports and volumes stay taken: "
    "look at its processes, then end them with cgroup.kill of its cgroup.",
    sources=("memory.events", "cri", "tasks"),
)
HOLLOW_CONTAINER = ConditionType(
    name="HollowContainer",
    severity=Severity.CRITICAL,
    entity=EntityKind.CONTAINER,
    fires_when="Two whole answers of the runtime, ten seconds apart, say RUNNING of a "
    "container whose cgroup is gone or holds no live process.",
    what_to_do="Kubernetes believes that it runs and restarts nothing: its shim is stuck or "
    "gone. Delete the pod; if that hangs, end the shim, then restart the runtime.",
    sources=("memory.events", "cri", "tasks"),
)
UNDYING_CONTAINER = ConditionType(
    name="UndyingContainer",
    severity=Severity.CRITICAL,
    entity=EntityKind.CONTAINER,
    fires_when="Ten seconds after a SIGKILL to a process of a container, or after the runtime "
    "called it exited, tasks of it remain.",
    what_to_do="No signal ends a task in state D. Its wchan and stack say what it waits for: a "
    "disk, a network file system, a driver. Repair that, and it dies by itself; else reboot.",
    sources=("memory.events", "tasks", "signals|cri"),
    clear_after_seconds=5.0,
)

TYPES = (DEAD_POD, GHOST_CONTAINER, HOLLOW_CONTAINER, UNDYING_CONTAINER)
