"""How the watch over what is left is put together."""

from __future__ import annotations

from agent.engine.afterlife import TASKS, AfterlifeWatch
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.inventory.resolver import NameResolver
from agent.ledger.deaths import DeathBook

LOOK_WORKERS = 2
"""Threads for cgroups and for inits."""
STACK_WORKERS = 2
"""Threads for /proc/PID/stack: one may hang, and other containers' tasks are still read."""


def watch_afterlife(
    root: HostRoot,
    fs: CgroupFs,
    proc: ProcReader,
    clock: Clock,
    inventory: Inventory,
    resolver: NameResolver,
    deaths: DeathBook,
    board: SourceBoard,
    guard: Guard,
    pools: Pools,
) -> AfterlifeWatch:
    """With threads of its own."""
    return AfterlifeWatch(
        clock=clock,
        fs=fs,
        proc=proc,
        tasks=TaskReader(root),
        inventory=inventory,
        deaths=deaths,
        workers=pools.new(LOOK_WORKERS, name=TASKS),
        stacks=pools.new(STACK_WORKERS, name="stacks"),
        board=board,
        guard=guard,
        listing=resolver.listing,
        status=resolver.runtime_status,
    )
