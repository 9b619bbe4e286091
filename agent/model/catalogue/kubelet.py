"""Conditions of the kubelet."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

KUBELET_DISAGREES = ConditionType(
    name="KubeletDisagrees",
    severity=Severity.INFO,
    entity=EntityKind.NODE,
    fires_when="The kubelet's healthz says ok while the container runtime does not answer, or "
    "while threads of the kubelet itself are in state D.",
    what_to_do="Believe the kernel: a healthz that is ok says that the kubelet's loop turns, not "
    "that pods can start. `nodectl kubelet` and `nodectl runtime` show both.",
    sources=("healthz",),
    raise_after_seconds=15.0,
    clear_after_seconds=15.0,
)
KUBELET_DOWN = ConditionType(
    name="KubeletDown",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The kubelet's process is gone or stopped, or its healthz refuses connections, "
    "answers an error or has not answered within its deadline.",
    what_to_do="Containers run on, but nobody restarts, probes or evicts them, and the node turns "
    "NotReady after some 40 s. The message tells a process that is gone from one that hangs: see "
    "`journalctl -u kubelet`; continue it if it is stopped (T), look for the disk if it is blocked "
    "(D), look at its CPU quota if it is throttled.",
    sources=("healthz",),
    raise_after_seconds=10.0,
    clear_after_seconds=5.0,
)

TYPES = (KUBELET_DISAGREES, KUBELET_DOWN)
