"""How the watch over what is left is put together."""

from __future__ import annotations

from agent.engine.afterlife import TASKS, AfterlifeWatch
from agent.engine.ground import Ground
from agent.host.tasks import TaskReader
from agent.inventory.resolver import NameResolver
from agent.ledger.deaths import DeathBook

LOOK_WORKERS = 2
"""Threads for cgroups and for inits."""
STACK_WORKERS = 2
"""Threads for /proc/PID/stack: one may hang, and other containers' tasks are still read."""


def watch_afterlife(
    ground: Ground,
    resolver: NameResolver,
    deaths: DeathBook,
) -> AfterlifeWatch:
    """With threads of its own."""
    return AfterlifeWatch(
        clock=ground.clock,
        fs=ground.fs,
        proc=ground.proc,
        tasks=TaskReader(ground.root),
        inventory=ground.inventory,
        deaths=deaths,
        workers=ground.pools.new(LOOK_WORKERS, name=TASKS),
        stacks=ground.pools.new(STACK_WORKERS, name="stacks"),
        board=ground.board,
        guard=ground.guard,
        listing=resolver.listing,
        status=resolver.runtime_status,
    )
