"""Conditions of the node's CPUs that pressure does not tell."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CPU_STOLEN = ConditionType(
    name="CPUStolen",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For a minute the hypervisor has given a fifth or more of the time of the node's "
    "CPUs to somebody else (steal).",
    what_to_do="Nothing on the node does that: its host is overcommitted, or the credits of its "
    "instance type are used up. Move the node to another host or type; see `nodectl cpu`.",
    sources=("cpu",),
    raise_after_seconds=60.0,
    clear_after_seconds=60.0,
)
SOFTIRQ_SATURATED = ConditionType(
    name="SoftirqSaturated",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For a minute one CPU has spent 80 % or more of its time in soft interrupts.",
    what_to_do="Packets of one queue are all handled by that CPU, and what waits there is dropped: "
    "see the second column of /proc/net/softnet_stat; spread them (RSS, RPS, irqbalance), or find "
    "who sends so much.",
    sources=("cpu",),
    raise_after_seconds=60.0,
    clear_after_seconds=60.0,
)

TYPES = (CPU_STOLEN, SOFTIRQ_SATURATED)
