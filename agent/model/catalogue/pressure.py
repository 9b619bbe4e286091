"""Conditions of tasks that wait for memory, a disk or a CPU, by the kernel's own account."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CPU_STALL = ConditionType(
    name="CPUStall",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For half a minute some task of the node has waited for a CPU most of the time: "
    "the node's cpu pressure, some avg10, is 90 % or more.",
    what_to_do="`nodectl pressure` shows whose: probes and heartbeats come late now. Move work "
    "away. Tasks throttled by their own cpu.max count too: compare nr_throttled in cpu.stat.",
    sources=("pressure",),
    raise_after_seconds=30.0,
    clear_after_seconds=30.0,
)
IO_STALL = ConditionType(
    name="IOStall",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For 15 seconds all tasks of the node or of kubepods that had work have waited for "
    "a disk 40 % of the time or more (io pressure, full avg10).",
    what_to_do="A disk is slow or somebody floods it: see `iostat -x`, and which pods read or "
    "write. What waits on that disk, etcd and the kubelet among it, is late by as much.",
    sources=("pressure",),
    raise_after_seconds=15.0,
    clear_after_seconds=30.0,
)
MEMORY_STALL = ConditionType(
    name="MemoryStall",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For ten seconds all tasks of the node or of kubepods that had work have waited for "
    "memory a tenth of the time or more (memory pressure, full avg10).",
    what_to_do="The kernel reclaims what is needed again at once; an OOM kill may be seconds away. "
    "`nodectl memory` names who grows: move or stop that before the kernel chooses.",
    sources=("pressure",),
    raise_after_seconds=10.0,
    clear_after_seconds=30.0,
)
RECLAIM_THRASH = ConditionType(
    name="ReclaimThrash",
    severity=Severity.WARNING,
    entity=EntityKind.CONTAINER,
    fires_when="A container or pod has run into its memory limit (memory.events max or high rose) "
    "in five of ten seconds, its tasks stalled for memory a tenth of that time or more, and "
    "nothing was killed.",
    what_to_do="It works at its limit by throwing out what it needs next: slow now, and one "
    "allocation away from an OOM kill. Raise the limit, or make it use less.",
    sources=("memory.events", "pressure"),
    raise_after_seconds=5.0,
    clear_after_seconds=30.0,
)

TYPES = (CPU_STALL, IO_STALL, MEMORY_STALL, RECLAIM_THRASH)
