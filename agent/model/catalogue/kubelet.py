"""Conditions of the kubelet."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

KUBELET_DISAGREES = ConditionType(
    name="KubeletDisagrees",
    severity=Severity.INFO,
    entity=EntityKind.NODE,
    fires_when="The kubelet's healthz says ok while the container runtime does not answer, no pod "
    "can get a network, half of the pods or more are cut off, or threads of the kubelet itself are "
    "in state D.",
    what_to_do="Believe the kernel: a healthz that is ok says that the kubelet's loop turns, not "
    "that pods can start. The message has all that is not so; `nodectl kubelet`, `nodectl "
    "runtime`, `nodectl cni` and `nodectl net` show both sides.",
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
NODE_MISREPORTED = ConditionType(
    name="NodeMisreported",
    severity=Severity.INFO,
    entity=EntityKind.NODE,
    fires_when="For 45 seconds the API server has believed of this node what the kernel denies: "
    "Ready while the kubelet is down, no pod can start or get a network or half of them are cut "
    "off; not Ready for want of a container runtime, of a network or of word from the kubelet, "
    "while all three are well; no pressure while an eviction threshold is crossed, or the reverse; "
    "or that it is alive though its lease has run out.",
    what_to_do="Believe the kernel, and what the message quotes of it: the scheduler and "
    "controllers act on the other. `nodectl kubelet` shows each condition that the API server has. "
    "If it is Unknown, its message says which right or address is missing.",
    sources=("node-object",),
    raise_after_seconds=45.0,
    clear_after_seconds=15.0,
    setting="api_server.read_node",
)

TYPES = (KUBELET_DISAGREES, KUBELET_DOWN, NODE_MISREPORTED)
