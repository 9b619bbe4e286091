"""How the watch over the node's own network is put together."""

from __future__ import annotations

from agent.engine.ground import Ground
from agent.engine.packet_filter import PacketFilterWatch
from agent.engine.plumbing import PlumbingWatch
from agent.host.local_ports import LocalPortCounter
from agent.host.namespaces import Namespaces
from agent.host.plumbing import PlumbingCounters
from agent.host.rule_tables import RuleTables
from agent.host.rule_tools import RuleTools

COUNTER_WORKERS = 2
"""Threads for counters and for programs: one may hang."""
KERNEL_WORKERS = 3
"""Threads for rtnetlink, for sockets and for nftables: two may hang."""


def watch_plumbing(ground: Ground) -> PlumbingWatch:
    """With threads of its own."""
    namespaces = Namespaces(ground.root)
    netlink = ground.pools.new(KERNEL_WORKERS, name="plumbing-netlink")
    return PlumbingWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(COUNTER_WORKERS, name="plumbing"),
        netlink=netlink,
        counters=PlumbingCounters(ground.root, namespaces),
        programs=RuleTools(ground.root),
        port_counter=LocalPortCounter(ground.root, namespaces),
        namespaces=namespaces,
        rules=PacketFilterWatch(
            clock=ground.clock,
            namespaces=namespaces,
            tables=RuleTables(ground.root, namespaces),
            workers=netlink,
        ),
    )
