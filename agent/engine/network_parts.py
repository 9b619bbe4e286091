"""How the watch over networks is put together."""

from __future__ import annotations

from collections.abc import Callable

from agent.derive.leftovers import LeftoverFold
from agent.engine.cni import CNIWatch
from agent.engine.ground import Ground
from agent.engine.nat import NatWatch
from agent.engine.network import NetworkWatch
from agent.engine.network_leftovers import LeftoverWatch
from agent.engine.network_pace import NetworkPace
from agent.engine.network_plans import NetworkPlans
from agent.host.cni_state import CNIState
from agent.host.namespaces import Namespaces
from agent.host.nftables import NatReader
from agent.inventory.resolver import NameResolver
from agent.model.evidence import Observation

NETWORK_WORKERS = 2
"""Threads for each of /proc and the CNI's disk: one may hang, and none takes another's."""
NETLINK_WORKERS = 3
"""Threads for rtnetlink and for nftables: two may hang."""


def watch_network(
    ground: Ground,
    resolver: NameResolver,
    cni: CNIWatch,
    *,
    lost: Callable[[list[Observation]], None],
) -> NetworkWatch:
    """With threads of its own."""

    def busy() -> frozenset[str]:
        calls = cni.ledger.running()
        netns = (call.netns.rpartition("/")[2] for call in calls)
        pods = (call.pod.pod_uid for call in calls if call.pod is not None)
        return frozenset((*(call.container_id for call in calls), *netns, *pods)) - {""}

    plans = NetworkPlans(
        state=CNIState(ground.root),
        workers=ground.pools.new(NETWORK_WORKERS, name="cni-state"),
        loaded=lambda: cni.config.loaded,
    )
    namespaces = Namespaces(ground.root)
    netlink = ground.pools.new(NETLINK_WORKERS, name="netlink")
    return NetworkWatch(
        clock=ground.clock,
        root=ground.root,
        fs=ground.fs,
        proc=ground.proc,
        namespaces=namespaces,
        inventory=ground.inventory,
        workers=ground.pools.new(NETWORK_WORKERS, name="namespaces"),
        netlink=netlink,
        nat=NatWatch(
            clock=ground.clock,
            root=ground.root,
            namespaces=namespaces,
            reader=NatReader(ground.root, namespaces),
            workers=netlink,
        ),
        board=ground.board,
        guard=ground.guard,
        plans=plans,
        leftovers=LeftoverWatch(
            fold=LeftoverFold(int(ground.settings.network.leak_grace * 1e9)),
            plans=plans,
            listing=resolver.listing,
            busy=busy,
        ),
        pace=NetworkPace(interval=ground.settings.network.interval),
        lost=lost,
    )
