"""Block devices: their counters once a second, what they are now and then.

All reading is done in a worker that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from agent.derive.disk_rates import DiskRates
from agent.derive.disk_users import DiskUsers
from agent.engine.board import SourceBoard
from agent.engine.etcd import EtcdWatch
from agent.engine.guard import Guard
from agent.host.block_devices import BlockDevices
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.disks import Disk, DiskCounters, DiskKind, DiskReport
from agent.model.rates import UsageReport

DISKS = "disks"
LOOK_SECONDS = 1.0
READ_SECONDS = 5.0
DESCRIBE_TICKS = 10


class _Read(Struct, frozen=True):
    counters: tuple[DiskCounters, ...]
    disks: Mapping[str, Disk]
    suspended: Mapping[str, bool]


class DiskWatch(Struct, kw_only=True):
    """Owns the folds and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    devices: BlockDevices
    users: DiskUsers
    etcd: EtcdWatch
    usage: Callable[[], UsageReport | None]
    stalled_after: float
    report: DiskReport | None = None
    _rates: DiskRates = field(default_factory=DiskRates)
    _disks: Mapping[str, Disk] = field(default_factory=dict)
    _names: frozenset[str] = frozenset()
    _ticks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(DISKS, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round."""
        describe = self._ticks % DESCRIBE_TICKS == 0
        self._ticks += 1
        try:
            read = await self.workers.run(self._read, describe, deadline_seconds=READ_SECONDS)
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(DISKS, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        now = self.clock.boottime_ns()
        self._disks, self._names = read.disks, frozenset(c.name for c in read.counters)
        whole = [c for c in read.counters if c.id in read.disks and c.name == read.disks[c.id].name]
        self._rates.take(whole, read.suspended, now)
        usage = self.usage()
        if usage is not None:
            self.users.take(usage.sweep)
        self.board.up(DISKS)
        self.board.count(DISKS, self._ticks)
        await self.etcd.look(now)
        states = self._rates.states(read.disks, self.users.users(now))
        disks = tuple(state for state in states if _used(state.disk, read.counters))
        self.report = DiskReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            stalled_after_seconds=self.stalled_after,
            disks=disks,
            etcd=self.etcd.etcd(disks),
        )

    def _read(self, describe: bool) -> _Read:
        """In a worker."""
        counters = self.devices.counters()
        disks = self._disks
        if describe or frozenset(c.name for c in counters) != self._names:
            disks = self.devices.describe(counters)
        suspended = {
            disk.name: self.devices.suspended(disk.name)
            for disk in disks.values()
            if disk.kind is DiskKind.DEVICE_MAPPER
        }
        return _Read(counters, disks, suspended)


def _used(disk: Disk, counters: tuple[DiskCounters, ...]) -> bool:
    """A loop device that nothing is behind, a drive that was never read: nobody asks for these."""
    mine = next((c for c in counters if c.id == disk.id), None)
    return bool(disk.mounts) or (mine is not None and (mine.ended > 0 or mine.in_flight > 0))
