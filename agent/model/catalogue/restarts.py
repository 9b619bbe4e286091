"""Conditions of containers that end again and again: three kinds, told apart by who ends them."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CRASH_LOOP = ConditionType(
    name="CrashLoop",
    severity=Severity.WARNING,
    entity=EntityKind.POD,
    fires_when="A container of the pod ended by itself, by exit or by a signal of its own "
    "doing, three times in 20 minutes.",
    what_to_do="Neither a limit nor the kubelet ended it: the evidence has its exit codes, "
    "`kubectl logs --previous` its own last words.",
    sources=("connector|cri",),
    clear_after_seconds=30.0,
)
OOM_LOOP = ConditionType(
    name="OOMLoop",
    severity=Severity.CRITICAL,
    entity=EntityKind.POD,
    fires_when="A container of the pod died of an OOM kill three times in 20 minutes.",
    what_to_do="It will not fit at the next start either: raise the limit that fires "
    "(`nodectl oom --pod POD` names it), or find what grows.",
    sources=("vmstat", "memory.events"),
    clear_after_seconds=30.0,
)
RESTART_STORM = ConditionType(
    name="RestartStorm",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="In ten minutes the runtime killed and restarted containers three times in one "
    "pod, or five times in several, no OOM kill among them, and at least half of these while "
    "they were under CPU, memory or io pressure, the network was saturated, or they were kept "
    "waiting by their own CPU limit; a warning only if it was that limit, or if no pressure was "
    "measured.",
    what_to_do="The restarts feed the pressure that makes the probes late: relieve the node "
    "(cordon it, move or throttle what eats), or lengthen timeoutSeconds and "
    "failureThreshold of the probes. The containers themselves may be well. If the reason is "
    "CPUThrottled, leave the node alone and raise the container's own CPU limit.",
    sources=("signals", "cri"),
    clear_after_seconds=30.0,
)

TYPES = (CRASH_LOOP, OOM_LOOP, RESTART_STORM)
