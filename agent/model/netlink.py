"""What rtnetlink tells of one network namespace: links, addresses, routes, neighbours."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field


class PortState(enum.Enum):
    """enum of include/uapi/linux/if_bridge.h (BR_STATE_*)."""

    DISABLED = "disabled"
    LISTENING = "listening"
    LEARNING = "learning"
    FORWARDING = "forwarding"
    BLOCKING = "blocking"


class LinkCounters(Struct, frozen=True, kw_only=True):
    """struct rtnl_link_stats64, as the interface itself counts."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


class Link(Struct, frozen=True, kw_only=True):
    """One interface."""

    index: int
    name: str  # safe to print
    up: bool  # IFF_UP: somebody has switched it on
    mtu: int = 0
    loopback: bool = False
    kind: str = ""  # "veth", "bridge", "ipvlan", ...; empty: a device, or not told
    carrier: bool | None = None  # None: not told
    carrier_changes: int | None = None  # since it was made; None: not told
    peer_index: int = 0  # IFLA_LINK: the other end of a veth, the parent of an ipvlan
    peer_nsid: int | None = None  # IFLA_LINK_NETNSID: where that is; None: in this namespace
    master: int = 0
    port_kind: str = ""  # what its master is: "bridge", "vrf", "openvswitch"
    port_state: PortState | None = None  # of a port of a bridge
    xdp: bool = False  # a BPF program is attached to its receive path
    counters: LinkCounters | None = None


class InterfaceAddress(Struct, frozen=True, kw_only=True):
    """One address of an interface."""

    index: int  # of the interface
    address: str  # without the prefix
    prefix: int
    scope: int  # RT_SCOPE_*: 0 is the universe, 253 the link, 254 the host
    duplicate: bool = False  # IFA_F_DADFAILED: another host has it
    tentative: bool = False  # IFA_F_TENTATIVE: not used before that is known

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


class Route(Struct, frozen=True, kw_only=True):
    """One route of the kernel's tables."""

    version: int  # 4 or 6
    destination: str  # empty: the default route, or 0.0.0.0/N
    prefix: int
    table: int
    kind: int  # RTN_*: 1 is unicast, 2 local, 6 blackhole, 7 unreachable, 8 prohibit
    scope: int
    interface: int = 0
    gateway: str = ""
    next_hop_object: int = 0  # RTA_NH_ID

    @property
    def is_default(self) -> bool:
        return self.prefix == 0


class NeighbourState(enum.Flag):
    """NUD_* of include/uapi/linux/neighbour.h."""

    NONE = 0
    INCOMPLETE = 0x01
    REACHABLE = 0x02
    STALE = 0x04
    DELAY = 0x08
    PROBE = 0x10
    FAILED = 0x20
    NOARP = 0x40
    PERMANENT = 0x80

    @property
    def words(self) -> str:
        """As ip-neighbour(8) prints it."""
        return "|".join(e.name for e in NeighbourState if e.name and e.value & self.value) or "NONE"


class Neighbour(Struct, frozen=True, kw_only=True):
    """One entry of the neighbour table (ARP, NDP)."""

    interface: int
    address: str
    state: NeighbourState
    mac: str = ""
    unused_seconds: float | None = None  # since something was sent to it; None: not told


class SourceMatch(Struct, frozen=True, kw_only=True):
    """The packet's source must (not) lie in this network."""

    network: str
    negated: bool = False


class NatRule(Struct, frozen=True, kw_only=True):
    """One rule of nftables, as far as it matters for masquerading."""

    sources: tuple[SourceMatch, ...] = ()  # all must match
    opaque: bool = False  # it also asks for what is not understood here
    target: str = ""  # the chain that it jumps or goes to
    masquerades: bool = False  # or rewrites the source otherwise


class HostNetwork(Struct, frozen=True, kw_only=True):
    """The host's own namespace."""

    inode: int
    links: Mapping[int, Link]  # by index
    addresses: frozenset[str] = frozenset()
    forwarding: Mapping[int, bool] = field(default_factory=dict)
    """Whether packets of IPv4 and of IPv6 are forwarded; without what could not be read."""


class NamespaceNetwork(Struct, frozen=True, kw_only=True):
    """One other network namespace, and what the host has for it."""

    inode: int
    cookie: int | None = None  # never used again; None: the kernel is older than 5.14
    nsid: int | None = None  # what the host calls it; None: it has no link to it
    host_nsid: int | None = None  # what it calls the host
    links: tuple[Link, ...] = ()
    addresses: tuple[InterfaceAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    retransmits: int | None = None  # TCP segments sent again; None: no process of it can be asked
    host_routes: Mapping[str, int] = field(default_factory=dict)
    """Of its addresses behind links without a master: the interface that the host sends to."""
    host_filters: frozenset[int] = frozenset()
    """Host ends of its links that have a BPF program attached."""
    host_unasked: frozenset[int] = frozenset()
    """Host ends of which nobody could tell that."""
    unread: str = ""  # why it could not be read: all else is empty


NatChains = Mapping[tuple[int, bytes, bytes], tuple[NatRule, ...]]
"""Chains by family, table and name."""


class NatTable(Struct, frozen=True, kw_only=True):
    """How packets' sources are rewritten on their way out of the host."""

    roots: tuple[tuple[int, bytes, bytes], ...] = ()  # where packets enter
    chains: NatChains = field(default_factory=dict)
    unread: str = ""  # why there may be more than this
    outdated: str = ""  # why it is known not to be that of now
