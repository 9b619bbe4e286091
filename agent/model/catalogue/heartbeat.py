"""Conditions of the heartbeat's path: what the kubelet sends, and whom the API server dials."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

API_SERVER_DIAL_FAILING = ConditionType(
    name="APIServerDialFailing",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="For heartbeat.stalled_after kube-apiserver has dialled an address that does not "
    "answer or refuses, or what it sends on connections that it made is not acknowledged.",
    what_to_do="Find who has the address: `kubectl get services,endpoints -A -o wide`. A webhook "
    "whose Service has no pod and failurePolicy Fail rejects every request that it is asked about: "
    "bring its pods back, or remove the webhook's configuration. At port 2379 it is etcd.",
    sources=("connections",),
    clear_after_seconds=5.0,
)
KUBELET_HEARTBEAT_STALLED = ConditionType(
    name="KubeletHeartbeatStalled",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="For heartbeat.stalled_after the kubelet's connection to the API server gets "
    "nothing across or no answer, or its dials are not answered or refused; a warning only while "
    "another connection works.",
    what_to_do="The node is alive, and is declared dead in less than a minute: its pods are fine, "
    "do not restart them. `nodectl heartbeat` shows the addresses. If other nodes say the same, "
    "look at the API server and its load balancer; if this one alone, at its routes and firewalls.",
    sources=("connections",),
    clear_after_seconds=5.0,
)

TYPES = (API_SERVER_DIAL_FAILING, KUBELET_HEARTBEAT_STALLED)
