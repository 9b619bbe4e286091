"""How the watches over block devices and blocked tasks are put together."""

from __future__ import annotations

from collections.abc import Callable

from agent.config import Settings
from agent.derive.disk_users import DiskUsers
from agent.engine.blocked import BlockedWatch
from agent.engine.board import SourceBoard
from agent.engine.disks import DiskWatch
from agent.engine.etcd import EtcdWatch
from agent.engine.guard import Guard
from agent.host.block_devices import BlockDevices
from agent.host.clock import Clock
from agent.host.etcd import EtcdFinder
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.task_scan import TaskScan
from agent.host.tasks import TaskReader
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.model.pressure import PressureReport, Resource, Scope
from agent.model.rates import UsageReport
from agent.observe.blocked import BlockedSight

DISK_WORKERS = 2
"""Threads for counters and for etcd's directory: one may hang."""
BLOCKED_WORKERS = 3
"""Threads for stacks and mount tables: two may hang, and tasks are still looked at."""


def watch_disks(
    settings: Settings,
    root: HostRoot,
    proc: ProcReader,
    clock: Clock,
    inventory: Inventory,
    board: SourceBoard,
    guard: Guard,
    pools: Pools,
    *,
    usage: Callable[[], UsageReport | None],
) -> DiskWatch:
    """With threads of its own."""
    workers = pools.new(DISK_WORKERS, name="disks")
    return DiskWatch(
        clock=clock,
        board=board,
        guard=guard,
        workers=workers,
        devices=BlockDevices(root),
        users=DiskUsers(names=inventory.names_of),
        etcd=EtcdWatch(
            finder=EtcdFinder(root, proc),
            workers=workers,
            names=inventory.names_of,
            usage=usage,
        ),
        usage=usage,
        stalled_after=settings.disks.stalled_after,
    )


def watch_blocked(
    settings: Settings,
    root: HostRoot,
    proc: ProcReader,
    clock: Clock,
    inventory: Inventory,
    board: SourceBoard,
    guard: Guard,
    pools: Pools,
    *,
    pressure: Callable[[], PressureReport | None],
) -> BlockedWatch:
    """With threads of its own."""

    def waited_us() -> int | None:
        report = pressure()
        level = None if report is None else report.level(Scope.NODE, Resource.IO)
        return None if level is None else level.some_us

    tasks = TaskReader(root)
    return BlockedWatch(
        clock=clock,
        board=board,
        guard=guard,
        workers=pools.new(BLOCKED_WORKERS, name="blocked"),
        sight=BlockedSight(TaskScan(root), tasks, proc, BlockDevices(root)),
        waited_us=waited_us,
        names=inventory.names_of,
        blocked_after=settings.disks.blocked_after,
    )
