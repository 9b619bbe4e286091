"""Step 3 of a pod's network path: a bridge, a host route, or a BPF program. Pure."""

from __future__ import annotations

from agent.derive.pod_interface import PAIRS, Ends
from agent.model.netlink import HostNetwork, InterfaceAddress, Link, NamespaceNetwork, PortState
from agent.model.network import Asked, Datapath, PathStep, Step, StepState

SHARED = {"ipvlan": Datapath.IPVLAN, "macvlan": Datapath.MACVLAN, "macvtap": Datapath.MACVLAN}
"""Interfaces that send through a parent of the host."""
_BROKEN, _OK, _UNKNOWN = StepState.BROKEN, StepState.OK, StepState.UNKNOWN
_UNUSED, _UNREACHED = StepState.UNUSED, StepState.UNREACHED


def judge_attachment(
    ends: Ends,
    addresses: tuple[InterfaceAddress, ...],
    network: NamespaceNetwork,
    host: HostNetwork,
    asked: Asked,
) -> tuple[Datapath, Step]:
    """What joins the host's end to the node, and so what kind of network this is."""
    datapath, state, detail = _judge(ends, addresses, network, host, asked)
    return datapath, Step(step=PathStep.ATTACHMENT, state=state, detail=detail)


def _judge(
    ends: Ends,
    addresses: tuple[InterfaceAddress, ...],
    network: NamespaceNetwork,
    host: HostNetwork,
    asked: Asked,
) -> tuple[Datapath, StepState, str]:
    inside, outside = ends.inside, ends.outside
    if inside.kind in SHARED:
        return _on_parent(inside, network, host)
    if inside.kind not in PAIRS:
        return Datapath.DEVICE, _UNUSED, f"{inside.name} is no pair: there is nothing to attach"
    if outside is None:
        return Datapath.UNKNOWN, _UNREACHED, "the host's end is not there"
    if outside.master:
        return _on_bridge(outside, host.links.get(outside.master))
    routed = [each for each, index in network.host_routes.items() if index == outside.index]
    if routed:
        return Datapath.ROUTED, _OK, f"the host sends {', '.join(routed)} to {outside.name}"
    if outside.kind == "netkit":
        return Datapath.BPF, _OK, f"{outside.name} is a netkit, which is made for BPF programs"
    if outside.xdp or outside.index in network.host_filters:
        return Datapath.BPF, _OK, f"a BPF program is attached to {outside.name}"
    if outside.index in network.host_unasked:
        why = "whether a BPF program is attached could not be asked"
        return Datapath.UNKNOWN, _UNKNOWN, f"{outside.name} is a port of no bridge, and {why}"
    wanted = f"; its configuration wants {asked.bridge}" if asked.bridge else ""
    to = ", ".join(each.address for each in addresses) or "it"
    return (
        Datapath.UNATTACHED,
        _BROKEN,
        f"{outside.name} is a port of no bridge, and has neither a route to {to} nor BPF{wanted}",
    )


def _on_bridge(outside: Link, bridge: Link | None) -> tuple[Datapath, StepState, str]:
    if bridge is None:
        return Datapath.BRIDGE, _UNKNOWN, f"the master of {outside.name} was not there"
    port = f"{outside.name} is a port of {bridge.name}"
    if not bridge.up:
        return Datapath.BRIDGE, _BROKEN, f"{port}, which is switched off"
    if outside.port_kind != "bridge":
        return Datapath.BRIDGE, _OK, f"{port} ({outside.port_kind or bridge.kind or '?'})"
    state = outside.port_state
    if state is PortState.FORWARDING:
        return Datapath.BRIDGE, _OK, f"{port}, forwarding"
    if state is None:
        return Datapath.BRIDGE, _UNKNOWN, f"{port}, whose state is not told"
    return Datapath.BRIDGE, _BROKEN, f"{port}, whose state is {state.value}: it forwards nothing"


def _on_parent(
    inside: Link, network: NamespaceNetwork, host: HostNetwork
) -> tuple[Datapath, StepState, str]:
    datapath = SHARED[inside.kind]
    at_host = network.host_nsid is not None and inside.peer_nsid == network.host_nsid
    parent = host.links.get(inside.peer_index) if at_host else None
    if parent is None:
        return datapath, _UNKNOWN, f"the parent of {inside.name} is not in the host's namespace"
    if not parent.up or parent.carrier is False:
        why = "has no carrier" if parent.up else "is switched off"
        return datapath, _BROKEN, f"{inside.name} is on {parent.name}, which {why}"
    return datapath, _OK, f"{inside.name} is on {parent.name}, which is up"
