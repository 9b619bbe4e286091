"""A made-up report of a node whose network is full, slow, and cut off."""

from __future__ import annotations

from agent.model.plumbing import (
    Conntrack,
    ConntrackCounters,
    Flapping,
    LocalPorts,
    Neighbours,
    Overlay,
    OverlayState,
    PacketFilter,
    PlumbingRates,
    PlumbingReport,
    PlumbingSample,
    Routes,
    RuleChange,
    RuleTable,
    RuleTool,
    Softnet,
)

S = 10**9
NOW_NS = 11_000 * S
WALL_NS = 1_790_000_600 * S

SAMPLE = PlumbingSample(
    boottime_ns=NOW_NS - S,
    conntrack=Conntrack(
        entries=262144,
        limit=262144,
        counters=ConntrackCounters(insert_failed=31, drop=4810, early_drop=0),
    ),
    softnet=Softnet(processed=91_204_113, dropped=5120, squeezed=88),
    neighbours=(
        Neighbours(version=4, entries=1024, limit=1024, table_fulls=77),
        Neighbours(version=6, entries=12, limit=1024),
    ),
)
RATES = PlumbingRates(
    window_seconds=10.0,
    conntrack_drops=93.0,
    conntrack_insert_failed=0.0,
    conntrack_early_drops=0.0,
    softnet_drops=12.4,
    softnet_squeezes=0.2,
    neighbour_fulls={4: 3.1},
)
FLANNEL = Overlay(
    name="flannel.1",
    kind="vxlan",
    state=OverlayState.VANISHED,
    since_boottime_ns=NOW_NS - 42 * S,
)
VPN = Overlay(
    name="wg0", kind="wireguard", state=OverlayState.UP, since_boottime_ns=NOW_NS - 7200 * S
)
FLAPPING = Flapping(name="eth0", kind="", changes=8, window_seconds=600.0)
BIRD = Routes(
    version=4,
    protocol="bird",
    count=0,
    most=412,
    daemon=True,
    gone_since_boottime_ns=NOW_NS - 30 * S,
)
KERNEL = Routes(version=4, protocol="kernel", count=9, most=9)
RESTORE = RuleTool(
    pid=4711,
    comm="iptables-restor",
    start_boottime_ns=NOW_NS - 31 * S,
    state="R",
    holds=True,
)
WAITER = RuleTool(
    pid=4790,
    comm="iptables",
    start_boottime_ns=NOW_NS - 12 * S,
    state="S",
    wchan="locks_lock_inode_wait",
    waits=True,
    holder="iptables-restor[4711]",
)
MONITOR = RuleTool(pid=901, comm="nft", start_boottime_ns=NOW_NS - 9000 * S, state="S", idle=True)
RULES = PacketFilter(
    counted_boottime_ns=NOW_NS - 5 * S,
    tables=(
        RuleTable(
            backend="nftables", family="ip", name="nat", entries=50231, chains=25012, hooked=9
        ),
        RuleTable(backend="iptables-legacy", family="ip", name="filter", entries=4),
    ),
    changes=17,
    last=RuleChange(generation=812, pid=4711, comm="nft", boottime_ns=NOW_NS - 8 * S),
)
PORTS = LocalPorts(
    total=28232,
    sockets=29004,
    used=28100,
    source="10.0.64.12",
    destination="10.0.64.1",
    port=6443,
)
PLUMBING = PlumbingReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    sample=SAMPLE,
    rates=RATES,
    overlays=(FLANNEL, VPN),
    flapping=(FLAPPING,),
    routes=(BIRD, KERNEL),
    tools=(MONITOR, RESTORE, WAITER),
    rules=RULES,
    ports=PORTS,
)
CALM = PlumbingReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    sample=PlumbingSample(
        boottime_ns=NOW_NS - S,
        conntrack=Conntrack(entries=120, limit=262144),
        softnet=Softnet(processed=91_204_113, dropped=5120, squeezed=88),
        absent={"neighbours4": "arp_cache: No such file or directory"},
    ),
    rates=PlumbingRates(window_seconds=10.0, softnet_drops=0.0, softnet_squeezes=0.0),
    overlays=(VPN,),
    routes=(KERNEL,),
    tools=(MONITOR,),
    ports=LocalPorts(total=28232, sockets=40),
    absent={"neighbours4": "arp_cache: No such file or directory"},
)
