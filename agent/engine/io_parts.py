"""How the watches over block devices and blocked tasks are put together."""

from __future__ import annotations

from collections.abc import Callable

from agent.derive.disk_users import DiskUsers
from agent.engine.blocked import BlockedWatch
from agent.engine.disks import DiskWatch
from agent.engine.etcd import EtcdWatch
from agent.engine.ground import Ground
from agent.host.block_devices import BlockDevices
from agent.host.block_io_delays import BlockIoDelays
from agent.host.etcd import EtcdFinder
from agent.host.open_devices import OpenDevices
from agent.host.task_scan import TaskScan
from agent.host.tasks import TaskReader
from agent.model.pressure import PressureReport, Resource, Scope
from agent.model.rates import UsageReport
from agent.observe.blocked import BlockedSight

DISK_WORKERS = 2
"""Threads for counters and for etcd's directory: one may hang."""
BLOCKED_WORKERS = 3
"""Threads for stacks and mount tables: two may hang, and tasks are still looked at."""


def watch_disks(
    ground: Ground,
    *,
    usage: Callable[[], UsageReport | None],
) -> DiskWatch:
    """With threads of its own."""
    workers = ground.pools.new(DISK_WORKERS, name="disks")
    return DiskWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=workers,
        devices=BlockDevices(ground.root),
        users=DiskUsers(names=ground.inventory.names_of),
        etcd=EtcdWatch(
            finder=EtcdFinder(ground.root, ground.proc),
            workers=workers,
            names=ground.inventory.names_of,
            usage=usage,
        ),
        usage=usage,
        stalled_after=ground.settings.disks.stalled_after,
    )


def watch_blocked(
    ground: Ground,
    *,
    pressure: Callable[[], PressureReport | None],
) -> BlockedWatch:
    """With threads of its own."""

    def waited_us() -> int | None:
        report = pressure()
        level = None if report is None else report.level(Scope.NODE, Resource.IO)
        return None if level is None else level.some_us

    tasks = TaskReader(ground.root)
    return BlockedWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(BLOCKED_WORKERS, name="blocked"),
        sight=BlockedSight(
            TaskScan(ground.root),
            tasks,
            ground.proc,
            OpenDevices(ground.root),
            BlockIoDelays(ground.root),
        ),
        waited_us=waited_us,
        names=ground.inventory.names_of,
        blocked_after=ground.settings.disks.blocked_after,
    )
