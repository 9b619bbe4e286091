"""Conditions of the networks that pods have, and of what they leave behind."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

NETWORK_NAMESPACE_LEAKED = ConditionType(
    name="NetworkNamespaceLeaked",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For network.leak_grace a network namespace in /run/netns has had no process, no "
    "CNI call works on it, and the runtime knows no sandbox that it belongs to.",
    what_to_do="`nodectl net` lists them with their age. Each may hold a veth and an address: run "
    "the CNI's DEL for its container, or `ip netns delete NAME` and remove the address's file.",
    sources=("namespaces", "netlink", "cri"),
)
POD_IPS_EXHAUSTED = ConditionType(
    name="PodIPsExhausted",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="Every address of the ranges that host-local may give to pods of this node is "
    "taken.",
    what_to_do="No new pod gets a network. If addresses of containers that are gone hold the "
    "range, as the message says then, remove their files; else move pods away, or widen the range.",
    sources=("namespaces", "netlink", "cni-config"),
    clear_after_seconds=5.0,
)
POD_NETWORK_INCOMPLETE = ConditionType(
    name="PodNetworkIncomplete",
    severity=Severity.CRITICAL,
    entity=EntityKind.POD,
    fires_when="In two looks one after the other, one of the six steps of a running pod's network "
    "path is broken: its namespace, both ends of its interface, what joins that to the node, its "
    "address, its routes, or NAT.",
    what_to_do="`nodectl net POD` shows all six. Its traffic fails, whatever Ready says: delete "
    "the pod, so that the CNI makes its network anew; if many have it, ask who changes them.",
    sources=("namespaces", "netlink"),
    clear_after_seconds=2.0,
)
VETH_ORPHANED = ConditionType(
    name="VethOrphaned",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For network.leak_grace a veth of the host has led into a network namespace that "
    "belongs to no sandbox of the runtime and has no process.",
    what_to_do="`nodectl net` lists them. It goes with its namespace; one whose namespace has no "
    "name either is removed by `ip link delete NAME`.",
    sources=("namespaces", "netlink", "cri"),
)

TYPES = (NETWORK_NAMESPACE_LEAKED, POD_IPS_EXHAUSTED, POD_NETWORK_INCOMPLETE, VETH_ORPHANED)
