"""Conditions of the node's own network: what is full, what is gone, what holds it up."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

CONNTRACK_FULL = ConditionType(
    name="ConntrackFull",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The host's table of tracked connections is full; a warning only while it is nine "
    "tenths full and no packet is dropped.",
    what_to_do="New connections fail now, old ones go on. Raise net.netfilter.nf_conntrack_max "
    "(some 320 bytes an entry), then find who opens so many: `conntrack -L` by source, or a "
    "nf_conntrack_tcp_timeout_* that keeps what has ended.",
    sources=("plumbing",),
    clear_after_seconds=30.0,
)
LINK_FLAPPING = ConditionType(
    name="LinkFlapping",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="A network device of the node has lost and got its carrier three times or more in "
    "ten minutes.",
    what_to_do="The cable, the port of the switch, the driver or its firmware: `ethtool DEVICE`, "
    "`ethtool -S DEVICE`, and the kernel's log say which. Each time the node is cut off for "
    "seconds.",
    sources=("plumbing", "fabric"),
)
NEIGHBOUR_TABLE_FULL = ConditionType(
    name="NeighbourTableFull",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="In the last ten seconds the kernel could not make an entry in its table of "
    "neighbours (ARP or NDP), for it was full.",
    what_to_do="Packets to whoever has no entry are dropped, of pods as well as of the host: all "
    "network namespaces share the table. Raise net.ipv4.neigh.default.gc_thresh3 (and 1, 2; "
    "net.ipv6 has its own) above the number of pods and nodes on the link.",
    sources=("plumbing",),
    clear_after_seconds=60.0,
)
OVERLAY_DOWN = ConditionType(
    name="OverlayDown",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="A device that carries packets to other nodes (vxlan, geneve, ipip, wireguard, "
    "...) was up and has vanished or is down; a warning only for a wireguard of no CNI.",
    what_to_do="Pods of this node reach no pod of another one. The CNI's daemon makes the device: "
    "restart its pod on this node, and look for who removed it (NetworkManager, systemd-networkd, "
    "a script): `nodectl net --node`, `ip -d link`.",
    sources=("plumbing", "fabric"),
    raise_after_seconds=15.0,
    clear_after_seconds=5.0,
)
PORTS_EXHAUSTED = ConditionType(
    name="PortsExhausted",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="Connections of the host to one address and port have taken 98 % of the local ports "
    "of net.ipv4.ip_local_port_range; a warning only from 90 % on.",
    what_to_do="The next connection there fails with EADDRNOTAVAIL. `ss -tn state all dst ADDRESS` "
    "shows whose they are: reuse connections instead of opening one for each request, set "
    "net.ipv4.tcp_tw_reuse=1 where most are in TIME-WAIT, or widen the range.",
    sources=("plumbing",),
    clear_after_seconds=30.0,
)
ROUTES_LOST = ConditionType(
    name="RoutesLost",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="A routing daemon (bird, FRR, ...) had routes in the host's tables and has none.",
    what_to_do="Packets to pods of other nodes are sent to the default gateway, or nowhere. See "
    "whether the daemon runs and its sessions are up (`birdc show protocols`, `vtysh -c 'show bgp "
    "summary'`), and whether its peers answer.",
    sources=("plumbing", "fabric"),
    raise_after_seconds=15.0,
    clear_after_seconds=5.0,
)
RULES_STALLED = ConditionType(
    name="RulesStalled",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="A program that changes the packet filter (iptables-restore, nft, ipset, ...) has "
    "worked or waited for a lock for ten seconds or more.",
    what_to_do="Services and network policies are late by as much. `nodectl net --node` names the "
    "program, who has the xtables lock, and how many rules there are: end a holder that hangs; if "
    "it is their number, kube-proxy's nftables mode or an eBPF datapath scales better.",
    sources=("plumbing",),
    clear_after_seconds=5.0,
)
SOFTNET_DROPPING = ConditionType(
    name="SoftnetDropping",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For 15 seconds the node has dropped a packet a second or more because a CPU's "
    "backlog was full.",
    what_to_do="A CPU gets more packets than it takes: spread them (irqbalance, RPS, more queues), "
    "raise net.core.netdev_max_backlog, and see in /proc/net/softnet_stat which CPU it is. Among "
    "what is lost may be heartbeats and probes.",
    sources=("plumbing",),
    raise_after_seconds=15.0,
    clear_after_seconds=60.0,
)

TYPES = (
    CONNTRACK_FULL,
    LINK_FLAPPING,
    NEIGHBOUR_TABLE_FULL,
    OVERLAY_DOWN,
    PORTS_EXHAUSTED,
    ROUTES_LOST,
    RULES_STALLED,
    SOFTNET_DROPPING,
)
