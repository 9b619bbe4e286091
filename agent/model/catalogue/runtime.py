"""Conditions of the container runtime itself."""

from __future__ import annotations

from agent.model.condition import EVENT_LASTS_SECONDS, ConditionType, EntityKind, Severity

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

TYPES = (RUNTIME_OOM_KILLED, RUNTIME_UNRESPONSIVE)
