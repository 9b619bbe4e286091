"""The node's own network: tables that fill, queues that drop, devices and routes that go."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

ALMOST_FULL = 0.9
"""Of a table's limit."""
PORTS_FULL = 0.98
"""Of the local ports to one peer: the kernel tries long for one of the rest."""
DROPS_PER_SECOND = 1.0
"""Packets that the node drops before anybody has seen them: more is no accident any more."""
SQUEEZES_PER_SECOND = 50.0
"""Times that a CPU had more packets than it may take at once. They are late and not lost, and some
are normal.
"""


class ConntrackCounters(Struct, frozen=True, kw_only=True):
    """struct ip_conntrack_stat since boot, all CPUs together."""

    insert_failed: int  # two packets wanted the same tuple: of NAT, its ports clash
    drop: int  # packets of which no entry could be made
    early_drop: int  # entries that were thrown out to make room


class Conntrack(Struct, frozen=True, kw_only=True):
    """The table of connections of the host's namespace. None: this kernel does not tell."""

    entries: int
    limit: int
    counters: ConntrackCounters | None = None

    @property
    def fill(self) -> float:
        return self.entries / self.limit if self.limit else 0.0


class Softnet(Struct, frozen=True, kw_only=True):
    """What the CPUs have taken from network devices since boot, all CPUs together."""

    processed: int
    dropped: int  # the CPU's backlog was full (net.core.netdev_max_backlog)
    squeezed: int  # net.core.netdev_budget was used up and more was there


class Neighbours(Struct, frozen=True, kw_only=True):
    """One table of neighbours, which all network namespaces of the node share."""

    version: int  # 4 (ARP) or 6 (NDP)
    entries: int
    limit: int | None = None  # gc_thresh3; None: not told
    table_fulls: int | None = None  # times that none could be made; None: the kernel is older


class PlumbingSample(Struct, frozen=True, kw_only=True):
    """The counters of one moment. None: not told, and `absent` says why."""

    boottime_ns: int
    conntrack: Conntrack | None = None
    softnet: Softnet | None = None
    neighbours: tuple[Neighbours, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)


class PlumbingRates(Struct, frozen=True, kw_only=True):
    """Per second over the window. None: not known."""

    window_seconds: float
    conntrack_drops: float | None = None
    conntrack_insert_failed: float | None = None
    conntrack_early_drops: float | None = None
    softnet_drops: float | None = None
    softnet_squeezes: float | None = None
    neighbour_fulls: Mapping[int, float] = field(default_factory=dict)  # by version

    @property
    def saturated(self) -> bool | None:
        """Whether the node loses or delays packets for want of room; None: not known."""
        known = (
            (self.conntrack_drops, DROPS_PER_SECOND),
            (self.softnet_drops, DROPS_PER_SECOND),
            (self.softnet_squeezes, SQUEEZES_PER_SECOND),
        )
        told = [value >= limit for value, limit in known if value is not None]
        return any(told) if told else None


class OverlayState(enum.Enum):
    UP = "up"
    DOWN = "down"  # switched off, or without carrier
    VANISHED = "vanished"


class Overlay(Struct, frozen=True, kw_only=True):
    """A device that carries packets between nodes, which was up while the agent ran."""

    name: str
    kind: str  # "vxlan", "geneve", "ipip", "wireguard", ...
    state: OverlayState
    since_boottime_ns: int


class Flapping(Struct, frozen=True, kw_only=True):
    """A device that lost and got its carrier lately."""

    name: str
    kind: str
    changes: int  # of its carrier, in the window
    window_seconds: float


class Routes(Struct, frozen=True, kw_only=True):
    """What one routing daemon, or the kernel, has put into the host's tables."""

    version: int  # 4 or 6
    protocol: str  # as ip-route(8) names it
    count: int
    most: int  # while the agent ran
    daemon: bool = False  # a routing daemon's
    gone_since_boottime_ns: int | None = None  # it had some, and has none since


class LocalPorts(Struct, frozen=True, kw_only=True):
    """Local ports of TCP in the host's namespace, and the peer that has taken most of them."""

    total: int  # that connect(2) may take
    sockets: int  # of TCP, whoever is at the other end
    used: int = 0  # by connections to the one peer; 0: not asked, for the sockets are few
    source: str = ""
    destination: str = ""
    port: int = 0

    @property
    def fill(self) -> float:
        return self.used / self.total if self.total else 0.0


class SeenTool(Struct, frozen=True, kw_only=True):
    """A program for packet filters at one look."""

    pid: int
    comm: str
    start_boottime_ns: int
    state: str  # of /proc/PID/stat
    cpu_ticks: int
    wchan: str = ""


class RuleTool(Struct, frozen=True, kw_only=True):
    """A process that reads or writes the node's packet filter."""

    pid: int
    comm: str
    start_boottime_ns: int
    state: str  # of /proc/PID/stat
    wchan: str = ""
    holds: bool = False  # the xtables lock
    waits: bool = False  # for it, or for the kernel's own
    holder: str = ""  # "iptables-restor[812]": who has it meanwhile
    idle: bool = False  # it waits for its input or for events, and holds nothing


class RuleTable(Struct, frozen=True, kw_only=True):
    """One table of the packet filter, and how large it is."""

    backend: str  # "nftables", "iptables-legacy"
    family: str  # "ip", "ip6", "inet", "bridge", "arp", "netdev"
    name: str
    entries: int
    """Of nftables rules and jumps to chains, of iptables-legacy rules and heads of chains."""
    chains: int | None = None  # None: not told
    hooked: int | None = None  # rules of the chains that packets enter; None: not told


class RuleChange(Struct, frozen=True, kw_only=True):
    """Who has committed to nftables last."""

    generation: int
    pid: int
    comm: str
    boottime_ns: int


class PacketFilter(Struct, frozen=True, kw_only=True):
    """All tables as they were counted last."""

    counted_boottime_ns: int
    tables: tuple[RuleTable, ...] = ()
    changes: int = 0  # commits since the agent started, of which it knows
    last: RuleChange | None = None
    unread: str = ""  # why there may be more than this


class PlumbingReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    sample: PlumbingSample
    rates: PlumbingRates
    overlays: tuple[Overlay, ...] = ()
    flapping: tuple[Flapping, ...] = ()
    routes: tuple[Routes, ...] = ()
    tools: tuple[RuleTool, ...] = ()
    rules: PacketFilter | None = None
    ports: LocalPorts | None = None
    absent: Mapping[str, str] = field(default_factory=dict)  # what is not known, and why

    def seconds(self, since_boottime_ns: int) -> float:
        """For how long something has been so."""
        return max(0, self.boottime_ns - since_boottime_ns) / 1e9
