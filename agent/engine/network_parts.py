"""How the watch over networks is put together."""

from __future__ import annotations

from agent.config import Settings
from agent.derive.leftovers import LeftoverFold
from agent.engine.board import SourceBoard
from agent.engine.cni import CNIWatch
from agent.engine.guard import Guard
from agent.engine.network import NetworkWatch
from agent.engine.network_leftovers import LeftoverWatch
from agent.engine.network_plans import NetworkPlans
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.cni_state import CNIState
from agent.host.namespaces import Namespaces
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.inventory.resolver import NameResolver

NETWORK_WORKERS = 2
"""Threads for each of /proc, netlink and the CNI's disk: one may hang, and none takes another's."""


def watch_network(
    settings: Settings,
    root: HostRoot,
    fs: CgroupFs,
    proc: ProcReader,
    clock: Clock,
    inventory: Inventory,
    resolver: NameResolver,
    cni: CNIWatch,
    board: SourceBoard,
    guard: Guard,
    pools: Pools,
) -> NetworkWatch:
    """With threads of its own."""

    def loaded() -> str:
        config = cni.config.config
        file = None if config is None else config.loaded
        return "" if file is None else file.path

    def busy() -> frozenset[str]:
        calls = cni.ledger.running()
        netns = (call.netns.rpartition("/")[2] for call in calls)
        return frozenset((*(call.container_id for call in calls), *netns)) - {""}

    plans = NetworkPlans(
        state=CNIState(root), workers=pools.new(NETWORK_WORKERS, name="cni-state"), loaded=loaded
    )
    return NetworkWatch(
        clock=clock,
        root=root,
        fs=fs,
        proc=proc,
        namespaces=Namespaces(root),
        inventory=inventory,
        workers=pools.new(NETWORK_WORKERS, name="namespaces"),
        netlink=pools.new(NETWORK_WORKERS, name="netlink"),
        board=board,
        guard=guard,
        plans=plans,
        leftovers=LeftoverWatch(
            fold=LeftoverFold(int(settings.network.leak_grace * 1e9)),
            plans=plans,
            listing=resolver.listing,
            busy=busy,
        ),
        interval=settings.network.interval,
    )
