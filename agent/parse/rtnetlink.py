"""rtnetlink: links, addresses, routes, neighbours and ids of namespaces, as messages tell them

    RTM_NEWLINK   struct ifinfomsg, IFLA_IFNAME=veth0f01bef3 IFLA_MASTER=2 IFLA_LINK=2 ...
    RTM_NEWADDR   struct ifaddrmsg, IFA_ADDRESS=10.88.0.5 ...
    RTM_NEWROUTE  struct rtmsg, RTA_OIF=2 RTA_GATEWAY=10.88.0.1 ...

Attributes and kinds that are not known are skipped: newer kernels have more.

rtnetlink(7), include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour,net_namespace}.h
"""

from __future__ import annotations

import struct

from agent.model.absence import ParseError
from agent.model.netlink import (
    InterfaceAddress,
    Link,
    LinkCounters,
    Neighbour,
    NeighbourState,
    PortState,
    Route,
)
from agent.parse.netlink import address, attributes, signed, text, unsigned

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
RTM_GETTFILTER = 46
RTM_NEWNSID, RTM_GETNSID = 88, 90

IFF_UP, IFF_LOOPBACK = 0x1, 0x8
IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x08, 0x40

RTA_DST, RTA_OIF = 1, 4
NETNSA_NSID, NETNSA_FD = 1, 3
TCA_KIND = 1
USER_HZ = 100  # of every architecture that Kubernetes runs on

IFINFOMSG = struct.Struct("=BxHiII")  # family type index flags change
IFADDRMSG = struct.Struct("=BBBBI")  # family prefixlen flags scope index
RTMSG = struct.Struct("=BBBBBBBBI")  # family dst_len src_len tos table protocol scope type flags
NDMSG = struct.Struct("=B3xiHBB")  # family ifindex state flags type
TCMSG = struct.Struct("=B3xiIII")  # family ifindex handle parent info
RTGENMSG = struct.Struct("=B3x")
_CACHE_INFO = struct.Struct("=4I")
_NEXT_HOP = struct.Struct("=HBBi")
_STATS64 = struct.Struct("=8Q")
_AF_INET, _AF_INET6 = 2, 10
_RT_TABLE_LOCAL, _RTM_F_CLONED = 255, 0x200
_PORT_STATES = tuple(PortState)
_KNOWN_STATES = sum(state.value for state in NeighbourState)


def parse_link(body: bytes) -> Link:
    """One RTM_NEWLINK. Raises ParseError."""
    _, _, index, flags, _ = _fixed(IFINFOMSG, body, "an ifinfomsg")
    found = attributes(body, IFINFOMSG.size)
    info = attributes(found.get(18, b""))  # IFLA_LINKINFO
    port_kind = text(info.get(4))  # IFLA_INFO_SLAVE_KIND
    port = attributes(info.get(5, b"")) if port_kind == "bridge" else {}
    carrier = unsigned(found.get(33), "a carrier")
    xdp = unsigned(attributes(found.get(43, b"")).get(2), "IFLA_XDP_ATTACHED")
    return Link(
        index=index,
        name=text(found.get(3)),
        up=bool(flags & IFF_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        mtu=unsigned(found.get(4), "an MTU") or 0,
        kind=text(info.get(1)),
        carrier=None if carrier is None else bool(carrier),
        carrier_changes=unsigned(found.get(35), "IFLA_CARRIER_CHANGES"),
        peer_index=unsigned(found.get(5), "IFLA_LINK") or 0,
        peer_nsid=signed(found.get(37), "IFLA_LINK_NETNSID"),
        master=unsigned(found.get(10), "IFLA_MASTER") or 0,
        port_kind=port_kind,
        port_state=_port_state(port.get(1)),
        xdp=bool(xdp),
        counters=_counters(found.get(23)),
    )


def parse_interface_address(body: bytes) -> InterfaceAddress:
    """One RTM_NEWADDR. Raises ParseError."""
    _, prefix, flags, scope, index = _fixed(IFADDRMSG, body, "an ifaddrmsg")
    found = attributes(body, IFADDRMSG.size)
    local = found.get(
        2, found.get(1)
    )  # IFA_LOCAL: of a point-to-point link, IFA_ADDRESS is the peer
    if local is None:
        raise ParseError("an address of the interface", body)
    more = unsigned(found.get(8), "IFA_FLAGS")
    flags = flags if more is None else more
    return InterfaceAddress(
        index=index,
        address=address(local),
        prefix=prefix,
        scope=scope,
        duplicate=bool(flags & IFA_F_DADFAILED),
        tentative=bool(flags & IFA_F_TENTATIVE),
    )


def parse_route(body: bytes) -> Route | None:
    """One RTM_NEWROUTE; None if it is neither IPv4 nor IPv6. Raises ParseError.

    Of several next hops the first one is told.
    """
    family, prefix, _, _, table, _, scope, kind, _ = _fixed(RTMSG, body, "an rtmsg")
    if family not in (_AF_INET, _AF_INET6):
        return None
    found = attributes(body, RTMSG.size)
    destination = found.get(RTA_DST)
    hop = dict(found)
    interface = unsigned(found.get(RTA_OIF), "RTA_OIF")
    hops = found.get(9)  # RTA_MULTIPATH
    if interface is None and hops:
        length, _, _, interface = _fixed(_NEXT_HOP, hops, "an rtnexthop")
        if length < _NEXT_HOP.size or length > len(hops):
            raise ParseError("a whole rtnexthop", hops)
        hop = attributes(hops[:length], _NEXT_HOP.size)
    return Route(
        version=4 if family == _AF_INET else 6,
        destination="" if destination is None else address(destination),
        prefix=prefix,
        table=unsigned(found.get(15), "RTA_TABLE") or table,
        kind=kind,
        scope=scope,
        interface=interface or 0,
        gateway=_gateway(hop),
        next_hop_object=unsigned(found.get(30), "RTA_NH_ID") or 0,
    )


def parse_route_origin(body: bytes) -> tuple[int, int] | None:
    """The version and the protocol (RTPROT_*) of one RTM_NEWROUTE; None if it is neither IPv4 nor
    IPv6, is for what is received, or is a cached copy. Raises ParseError.
    """
    family, _, _, _, table, protocol, _, _, flags = _fixed(RTMSG, body, "an rtmsg")
    if family not in (_AF_INET, _AF_INET6) or table == _RT_TABLE_LOCAL or flags & _RTM_F_CLONED:
        return None
    return 4 if family == _AF_INET else 6, protocol


def parse_neighbour(body: bytes) -> Neighbour | None:
    """One RTM_NEWNEIGH; None if it is of no IP address. Raises ParseError."""
    family, index, state, _, _ = _fixed(NDMSG, body, "an ndmsg")
    if family not in (_AF_INET, _AF_INET6):
        return None
    found = attributes(body, NDMSG.size)
    if 1 not in found:
        raise ParseError("the address of a neighbour", body)
    return Neighbour(
        interface=index,
        address=address(found[1]),
        state=NeighbourState(state & _KNOWN_STATES),
        mac=found.get(2, b"").hex(":"),
        unused_seconds=_unused(found.get(3)),
    )


def parse_nsid(body: bytes) -> int | None:
    """The id that a namespace has here; None: it has none. Raises ParseError."""
    _fixed(RTGENMSG, body, "an rtgenmsg")
    number = signed(attributes(body, RTGENMSG.size).get(NETNSA_NSID), "NETNSA_NSID")
    return None if number is None or number < 0 else number


def parse_filter_kind(body: bytes) -> str:
    """What kind of traffic filter one RTM_NEWTFILTER tells. Raises ParseError."""
    _fixed(TCMSG, body, "a tcmsg")
    return text(attributes(body, TCMSG.size).get(TCA_KIND))


def _fixed(form: struct.Struct, body: bytes, expected: str) -> tuple[int, ...]:
    if len(body) < form.size:
        raise ParseError(expected, body)
    return form.unpack_from(body)


def _port_state(value: bytes | None) -> PortState | None:
    number = unsigned(value, "IFLA_BRPORT_STATE")
    if number is None:
        return None
    if number >= len(_PORT_STATES):
        raise ParseError("a state of a bridge's port", value or b"")
    return _PORT_STATES[number]


def _counters(value: bytes | None) -> LinkCounters | None:
    if value is None:
        return None
    if len(value) < _STATS64.size:
        raise ParseError("an rtnl_link_stats64", value)
    rx_packets, tx_packets, rx_bytes, tx_bytes, *rest = _STATS64.unpack_from(value)
    rx_errors, tx_errors, rx_dropped, tx_dropped = rest
    return LinkCounters(
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
        rx_packets=rx_packets,
        tx_packets=tx_packets,
        rx_errors=rx_errors,
        tx_errors=tx_errors,
        rx_dropped=rx_dropped,
        tx_dropped=tx_dropped,
    )


def _unused(value: bytes | None) -> float | None:
    """struct nda_cacheinfo: confirmed, used, updated as ages in USER_HZ, then references."""
    if value is None:
        return None
    if len(value) < _CACHE_INFO.size:
        raise ParseError("an nda_cacheinfo", value)
    used: int = _CACHE_INFO.unpack_from(value)[1]
    return used / USER_HZ


def _gateway(found: dict[int, bytes]) -> str:
    """RTA_GATEWAY, or RTA_VIA where the gateway is of the other family."""
    gateway = found.get(5)
    if gateway is not None:
        return address(gateway)
    via = found.get(18)
    return "" if via is None else address(via[2:])
