"""Conditions of the network that pods are to get."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CNI_NOT_CONFIGURED = ConditionType(
    name="CNINotConfigured",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The runtime finds no CNI configuration that it can load, or has not loaded the one "
    "that is there, or it names a plugin which is missing or cannot be executed.",
    what_to_do="No pod gets a network until the file or the plugin is there: the evidence names "
    "it. The CNI's own DaemonSet writes both: see whether its pod runs. One that is there and not "
    "loaded was moved there, which containerd does not notice: write it anew. `nodectl cni` shows "
    "all.",
    sources=("cni-config",),
    raise_after_seconds=3.0,
    clear_after_seconds=2.0,
)
CNI_STALLED = ConditionType(
    name="CNIStalled",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="For cni.stalled_after no pod has got a network although calls of the CNI were "
    "under way or tried again and again; a warning only if one call hangs and others succeed.",
    what_to_do="The evidence names each call that hangs, where it waits in the kernel, and who "
    "holds the lock that it waits for: look at that process, and at the CNI's own daemon on this "
    "node. `nodectl cni --running` has the rest.",
    sources=("cni",),
    clear_after_seconds=5.0,
)

TYPES = (CNI_NOT_CONFIGURED, CNI_STALLED)
