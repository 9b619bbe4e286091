"""Steps 4 to 6 of a pod's network path: its address, its routes, and NAT on the host. Pure."""

from __future__ import annotations

import ipaddress

from agent.derive.masquerade import masquerades
from agent.model.netlink import (
    HostNetwork,
    InterfaceAddress,
    Link,
    NamespaceNetwork,
    NatTable,
    Neighbour,
    NeighbourState,
    Route,
)
from agent.model.network import Asked, Datapath, PathStep, Step, StepState

RTN_UNICAST = 1
FAILURE_SECONDS = 30.0
"""A gateway that did not answer is a fact of now only while it is asked for."""
_BROKEN, _OK, _UNKNOWN = StepState.BROKEN, StepState.OK, StepState.UNKNOWN
_UNUSED, _UNREACHED = StepState.UNUSED, StepState.UNREACHED
_UNRESOLVED = NeighbourState.FAILED | NeighbourState.INCOMPLETE


def judge_address(inside: Link, addresses: tuple[InterfaceAddress, ...], asked: Asked) -> Step:
    """An address that other hosts can send to."""
    duplicate = [each.address for each in addresses if each.duplicate]
    good = [f"{each.address}/{each.prefix}" for each in addresses if not each.duplicate]
    given = ", ".join(asked.addresses)
    if duplicate:
        state, detail = _BROKEN, f"{', '.join(duplicate)} is another host's too (dadfailed)"
    elif good and asked.addresses and not any(a.address in asked.addresses for a in addresses):
        state, detail = _BROKEN, f"{', '.join(good)} on {inside.name}, and the CNI gave it {given}"
    elif good:
        state, detail = _OK, f"{', '.join(good)} on {inside.name}"
    else:
        state, detail = _BROKEN, f"{inside.name} has no address"
        detail += f"; the CNI gave it {given}" if given else ""
    return Step(step=PathStep.ADDRESS, state=state, detail=detail)


def judge_routes(
    inside: Link,
    addresses: tuple[InterfaceAddress, ...],
    network: NamespaceNetwork,
    host: HostNetwork,
    asked: Asked,
) -> tuple[Step, str]:
    """A default route whose gateway can be reached; and that gateway."""
    state, detail, gateway = _judge_routes(inside, addresses, network)
    if state is not _BROKEN and gateway and asked.gateway and gateway not in host.addresses:
        state, detail = _BROKEN, f"default via {gateway}, which no interface of the host has"
    return Step(step=PathStep.ROUTES, state=state, detail=detail), gateway


def _judge_routes(
    inside: Link, addresses: tuple[InterfaceAddress, ...], network: NamespaceNetwork
) -> tuple[StepState, str, str]:
    if not addresses:
        return _UNREACHED, f"{inside.name} has no address", ""
    version = 4 if any(each.version == 4 for each in addresses) else 6
    routes = [r for r in network.routes if r.version == version and r.kind == RTN_UNICAST]
    default = next((route for route in routes if route.is_default), None)
    if default is None:
        return _BROKEN, f"there is no default route for IPv{version}", ""
    gateway = default.gateway
    if not gateway:
        return _OK, f"default through {inside.name}, without a gateway", ""
    told = f"default via {gateway}"
    if not _on_link(gateway, routes):
        return _BROKEN, f"{told}, to which there is no route on the link", gateway
    neighbour = next((n for n in network.neighbours if n.address == gateway), None)
    if neighbour is None or neighbour.state is NeighbourState.NONE:
        return _OK, f"{told}, which nobody has asked for yet", gateway
    words = neighbour.state.words
    if neighbour.state & NeighbourState.FAILED and not _is_fresh(neighbour):
        return _UNKNOWN, f"{told}, which did not answer when it was last asked, long ago", gateway
    if neighbour.state & _UNRESOLVED:
        return _BROKEN, f"{told}, which does not answer: its neighbour entry is {words}", gateway
    return _OK, f"{told} at {neighbour.mac or '?'}, {words}", gateway


def _is_fresh(neighbour: Neighbour) -> bool:
    """A failure stays in the table until it is asked for again, however well all is by then."""
    unused = neighbour.unused_seconds
    return unused is not None and unused <= FAILURE_SECONDS


def _on_link(gateway: str, routes: list[Route]) -> bool:
    """Whether the gateway can be reached without another one; one of the other family can."""
    address = ipaddress.ip_address(gateway)
    if address.is_link_local and address.version == 6:
        return True
    direct = [r for r in routes if not r.gateway and not r.is_default]
    if not direct or address.version != direct[0].version:
        return address.version != (direct[0].version if direct else address.version)
    return any(
        address in ipaddress.ip_network(f"{r.destination}/{r.prefix}", strict=False)
        for r in direct
        if r.destination
    )


def judge_nat(
    addresses: tuple[InterfaceAddress, ...],
    gateway: str,
    datapath: Datapath,
    host: HostNetwork,
    nat: NatTable | None,
    asked: Asked,
) -> Step:
    """Forwarding by the host, and masquerading where it was asked for."""
    state, detail = _judge_nat(addresses, gateway, datapath, host, nat, asked)
    return Step(step=PathStep.NAT, state=state, detail=detail)


def _judge_nat(
    addresses: tuple[InterfaceAddress, ...],
    gateway: str,
    datapath: Datapath,
    host: HostNetwork,
    nat: NatTable | None,
    asked: Asked,
) -> tuple[StepState, str]:
    if not addresses:
        return _UNREACHED, "it has no address"
    through_host = datapath is Datapath.ROUTED or gateway in host.addresses
    version = 4 if any(each.version == 4 for each in addresses) else 6
    if through_host and host.forwarding.get(version) is False:
        key = "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
        return _BROKEN, f"the host forwards nothing: {key} is 0"
    if asked.masquerade is None:
        return _UNKNOWN, "the CNI configuration that would ask for it could not be read"
    if not asked.masquerade:
        of = f" ({asked.plugin})" if asked.plugin else ""
        return _UNUSED, f"the CNI configuration{of} asks for no masquerading"
    if nat is None:
        return _UNKNOWN, "the rules of nftables could not be read"
    if nat.outdated:
        return _UNKNOWN, nat.outdated
    missing = [each.address for each in addresses if not masquerades(nat, each.address)]
    if not missing:
        return _OK, f"nftables masquerades {', '.join(each.address for each in addresses)}"
    if nat.unread:
        return _UNKNOWN, f"no rule masquerades {', '.join(missing)} as far as is seen: {nat.unread}"
    return (
        _BROKEN,
        f"ipMasq is asked for, and no rule of nftables masquerades {', '.join(missing)}",
    )
