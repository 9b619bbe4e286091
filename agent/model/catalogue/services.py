"""Conditions of what is kept from its CPU, and of the services that pods depend on."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CPU_THROTTLED = ConditionType(
    name="CPUThrottled",
    severity=Severity.WARNING,
    entity=EntityKind.CONTAINER,
    fires_when="For a minute a container has used up the quota of its own cpu.max in half of the "
    "periods or more.",
    what_to_do="It is slow by its own limit, whatever is idle beside it: raise its CPU limit, or "
    "take it away. Its cpu pressure counts this time too; the message tells both.",
    sources=("usage",),
    raise_after_seconds=60.0,
    clear_after_seconds=30.0,
)
SERVICE_STARVED = ConditionType(
    name="ServiceStarved",
    severity=Severity.WARNING,
    entity=EntityKind.SERVICE,
    fires_when="Tasks of kubelet, container runtime or etcd have waited for a CPU half of the time "
    "(their own cpu.max aside), or all of them for memory a tenth or for a disk 40 % of it.",
    what_to_do="Probes, heartbeats and the start of pods are late by as much, and the node may "
    "turn NotReady although nothing on it is broken. `nodectl pressure` shows whether all of the "
    "node waits: then move work away; if not, give the service more (cpu.weight, memory.min).",
    sources=("usage",),
    raise_after_seconds=15.0,
    clear_after_seconds=30.0,
)
SERVICE_THROTTLED = ConditionType(
    name="ServiceThrottled",
    severity=Severity.WARNING,
    entity=EntityKind.SERVICE,
    fires_when="Kubelet, container runtime or etcd used up the quota of its own cpu.max in a "
    "quarter of the periods or more.",
    what_to_do="The kernel keeps it from running though CPUs are idle: raise CPUQuota= of the unit "
    "(`systemctl show -p CPUQuotaPerSecUSec UNIT`) or take it away.",
    sources=("usage",),
    raise_after_seconds=15.0,
    clear_after_seconds=30.0,
)

TYPES = (CPU_THROTTLED, SERVICE_STARVED, SERVICE_THROTTLED)
