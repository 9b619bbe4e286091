"""agent.engine.disks and agent.engine.blocked."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec.structs import replace

from agent.derive.disk_users import DiskUsers
from agent.engine.blocked import BLOCKED, CALM_NS, MAX_DEVICES, MAX_STACKS, BlockedWatch
from agent.engine.board import SourceBoard
from agent.engine.disks import DESCRIBE_TICKS, DISKS, DiskWatch
from agent.engine.etcd import FIND_NS, EtcdWatch
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.block_devices import BlockDevices
from agent.host.etcd import EtcdFinder
from agent.host.worker import Abandoned, Workers
from agent.model.absence import Absence
from agent.model.afterlife import Task
from agent.model.blocked import BlockedTask
from agent.model.disks import Disk, DiskCounters, DiskKind, EtcdProcess
from agent.model.oom import Container
from agent.model.source import SourceState
from agent.observe.blocked import BlockedSight, Scan
from tests.derive.test_disks import counters
from tests.observe.fakes import FakeClock
from tests.serve.io_sample import APP, KERNEL, STUCK, SYSTEM

S = 1_000_000_000


class FakeDevices:
    def __init__(self) -> None:
        self.now: tuple[DiskCounters, ...] = (counters(1),)
        self.held = False
        self.described = 0

    def counters(self) -> tuple[DiskCounters, ...]:
        return self.now

    def describe(self, seen: tuple[DiskCounters, ...]) -> dict[str, Disk]:
        self.described += 1
        return {c.id: Disk(id=c.id, name=c.name, kind=DiskKind.DEVICE_MAPPER) for c in seen}

    def suspended(self, name: str) -> bool:
        return self.held


class Disks:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=100 * S)
        self.board = SourceBoard(self.clock)
        self.devices = FakeDevices()
        self.etcds: list[EtcdProcess] = []
        self.pods: dict[str, Container] = {}
        self.watch = DiskWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(1),
            devices=cast(BlockDevices, self.devices),
            users=DiskUsers(names=lambda place: None),
            etcd=EtcdWatch(
                finder=cast(EtcdFinder, self),
                workers=Workers(1),
                names=lambda place: self.pods.get(place.container_id),
                usage=lambda: None,
            ),
            usage=lambda: None,
            stalled_after=5.0,
        )

    def find(self) -> list[EtcdProcess]:
        return self.etcds

    async def look(self) -> list[str]:
        """The devices that stall then."""
        self.clock.now_ns += S
        await self.watch.look()
        assert self.watch.report is not None
        return [state.disk.name for state in self.watch.report.stalled()]


async def test_disks() -> None:
    """Stalled after so long without a request that ended, and well at once when one does."""
    disks = Disks()
    assert await disks.look() == []
    disks.devices.now = (counters(1, 3),)
    for _ in range(5):
        assert await disks.look() == []
    assert await disks.look() == ["dm-0"]
    disks.devices.now = (counters(4, 3),)
    assert await disks.look() == []
    disks.devices.now, disks.devices.held = (counters(4),), True
    stalled: list[str] = []
    for _ in range(6):
        stalled = await disks.look()
    assert stalled == ["dm-0"]
    assert next(r for r in disks.board.health() if r.name == DISKS).state is SourceState.UP


async def test_description() -> None:
    """Read again when a device comes or goes, and now and then; what was never used is left out."""
    disks = Disks()
    for _ in range(DESCRIBE_TICKS):
        await disks.look()
    assert disks.devices.described == 1
    await disks.look()
    assert disks.devices.described == 2
    disks.devices.now = (counters(1), replace(counters(0, name="loop7"), id="7:7"))
    await disks.look()
    assert disks.devices.described == 3
    assert disks.watch.report is not None
    assert [s.disk.name for s in disks.watch.report.disks] == ["dm-0"]


async def test_etcd() -> None:
    """The node's own: of a pod of kube-system, or of a unit; on its device and what is beneath."""
    disks = Disks()
    pod = "/kubepods/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/"
    node = EtcdProcess(
        pid=1, start_boottime_ns=1, cgroup="/system.slice/etcd.service", directory="/e"
    )
    ours, other = ("a" * 64), ("b" * 64)
    disks.pods = {
        ours: replace(APP, namespace="kube-system"),
        other: replace(APP, namespace="shop"),
    }
    disks.etcds = [
        replace(node, device="253:0"),
        replace(node, pid=2, cgroup=pod + ours),
        replace(node, pid=3, cgroup=pod + other),
        replace(node, pid=4, cgroup=pod + "c" * 64),
    ]
    await disks.look()
    assert disks.watch.report is not None
    found = {each.process.pid: each for each in disks.watch.report.etcd}
    assert set(found) == {1, 2}
    assert [state.disk.name for state in found[1].chain] == ["dm-0"]
    assert (found[1].unit, found[2].chain) == ("etcd.service", ())
    disks.etcds = []
    await disks.look()
    assert len(disks.watch.report.etcd) == 2
    disks.clock.now_ns += FIND_NS
    await disks.look()
    assert not disks.watch.report.etcd


class FakeSight:
    def __init__(self) -> None:
        self.now: tuple[BlockedTask, ...] = ()
        self.scans = 0
        self.seconds = 0.01
        self.stacked: list[int] = []
        self.asked: list[int] = []  # for their devices
        self.hangs = False
        self.mounts_hang: tuple[int, ...] = ()

    def scan(self) -> Scan:
        self.scans += 1
        return Scan(
            tasks=self.now,
            counted=len(self.now),
            looked_at=3000,
            seconds=self.seconds,
            io_delay_absent="unsupported: kernel.task_delayacct is 0",
        )

    def stacks(self, tasks: tuple[Task, ...]) -> list[Task]:
        if self.hangs:
            raise Abandoned("did not return")
        self.stacked += [task.pid for task in tasks]
        return [replace(task, stack=("a+0x1/0x2",)) for task in tasks]

    def with_devices(self, blocked: BlockedTask) -> BlockedTask:
        self.asked.append(blocked.task.pid)
        if blocked.task.pid in self.mounts_hang:
            raise Abandoned("did not return")
        return replace(blocked, devices=frozenset(("253:0",)))


class Tasks:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=100 * S)
        self.board = SourceBoard(self.clock)
        self.sight = FakeSight()
        self.waited: int | None = 0
        self.watch = BlockedWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(1),
            sight=cast(BlockedSight, self.sight),
            waited_us=lambda: self.waited,
            names=lambda place: APP if place.container_id else None,
            blocked_after=5.0,
        )

    async def ticks(self, seconds: int, *, waiting: float = 0.0) -> int:
        """How many looks were taken in that time."""
        before = self.sight.scans
        for _ in range(seconds):
            self.clock.now_ns += S
            if self.waited is not None:
                self.waited += int(waiting * 1e6)
            await self.watch.tick()
        return self.sight.scans - before


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


async def test_rhythm(tasks: Tasks) -> None:
    """Seldom while nobody waits, soon when the kernel says so, never for too much, and never so
    seldom that what is told is old.
    """
    assert await tasks.ticks(1) == 1
    assert await tasks.ticks(CALM_NS // S) == 1
    assert await tasks.ticks(10, waiting=0.2) == 0
    assert await tasks.ticks(10, waiting=1.0) == 5
    tasks.sight.seconds = 0.2
    await tasks.ticks(2, waiting=1.0)
    assert await tasks.ticks(20, waiting=1.0) == 2
    tasks.sight.seconds = 4.0
    await tasks.ticks(10, waiting=1.0)
    assert await tasks.ticks(CALM_NS // S, waiting=1.0) == 1
    tasks.sight.seconds = 0.01
    await tasks.ticks(CALM_NS // S, waiting=1.0)
    tasks.waited = None
    assert await tasks.ticks(10) == 5


async def test_blocked(tasks: Tasks) -> None:
    """Looked at until they go on; a stack and the mounts once each, of those that wait too long."""
    bare = replace(STUCK, task=replace(STUCK.task, stack=()), names=None)
    tasks.sight.now = (bare, replace(SYSTEM, switches=4), KERNEL)
    await tasks.ticks(1)
    report = tasks.watch.report
    assert report is not None
    assert (report.counted, report.more, report.looked_at) == (3, 0, 3000)
    assert report.stuck() == ()
    assert tasks.sight.stacked == []
    await tasks.ticks(8)
    report = tasks.watch.report
    assert report is not None
    assert {b.task.pid for b in report.stuck()} == {434, 998}
    assert all(b.task.stack and b.devices for b in report.stuck())
    assert sorted(tasks.sight.stacked) == [434, 998]
    assert [b.unit for b in report.stuck() if b.task.pid == 998] == ["containerd.service"]
    await tasks.ticks(8)
    assert sorted(tasks.sight.stacked) == [434, 998]
    tasks.sight.now = ()
    await tasks.ticks(3)
    assert tasks.watch.report is not None
    assert tasks.watch.report.tasks == ()


async def test_a_stack_hangs(tasks: Tasks) -> None:
    """It is said, and not tried again."""
    tasks.sight.hangs = True
    tasks.sight.now = (replace(STUCK, task=replace(STUCK.task, stack=())),)
    await tasks.ticks(9)
    assert tasks.watch.report is not None
    (blocked,) = tasks.watch.report.stuck()
    assert blocked.task.unread == "stack: did not return"
    tasks.sight.hangs = False
    await tasks.ticks(9)
    assert tasks.sight.stacked == []


def waiting(pid: int, wchan: str, container: str = "") -> BlockedTask:
    """Bare, of a container or of the host."""
    where = f"/kubepods/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/{container}"
    at = replace(STUCK.task, pid=pid, tid=pid, wchan=wchan, stack=())
    cgroup = where if container else "/system.slice/a.service"
    return replace(STUCK, task=at, names=None, devices=None, cgroup=cgroup)


async def test_devices_behind_those_of_a_server(tasks: Tasks) -> None:
    """Eight that wait for NFS have all stacks, and nobody's devices; of who may wait for a disk
    those of one of each container and of one of each process are read, once.
    """
    servers = tuple(waiting(n, "nfs_wait_bit_killable") for n in range(1, MAX_STACKS + 1))
    tasks.sight.now = servers
    await tasks.ticks(20)
    assert tasks.sight.asked == []
    thread = waiting(51, "io_schedule")
    thread = replace(thread, task=replace(thread.task, tid=52))
    tasks.sight.now = (
        *servers,
        waiting(41, "io_schedule", APP.id),
        waiting(42, "io_schedule", APP.id),
        waiting(51, "io_schedule"),
        thread,
    )
    await tasks.ticks(20)
    assert sorted(tasks.sight.stacked) == list(range(1, MAX_STACKS + 1))
    assert tasks.sight.asked == [41, 51]
    tasks.sight.now = tasks.sight.now[-3:]
    await tasks.ticks(20)
    assert tasks.sight.asked == [41, 51, 42]


async def test_devices_hang(tasks: Tasks) -> None:
    """Those of one: the others are read at the next look, and that one is not asked again."""
    tasks.sight.mounts_hang = (1,)
    tasks.sight.now = tuple(waiting(n, "io_schedule") for n in range(1, MAX_DEVICES + 3))
    await tasks.ticks(20)
    assert tasks.sight.asked == list(range(1, MAX_DEVICES + 3))
    assert tasks.watch.report is not None
    unread = [b.task.pid for b in tasks.watch.report.stuck() if b.devices is None]
    assert unread == [1]


async def test_waits_anew(tasks: Tasks) -> None:
    """Who has gone on is read again: it may wait elsewhere."""
    first = waiting(1, "io_schedule")
    tasks.sight.now = (first,)
    await tasks.ticks(12)
    tasks.sight.now = (replace(first, task=replace(first.task, wchan="pipe_read"), switches=900),)
    await tasks.ticks(12)
    assert (tasks.sight.asked, tasks.sight.stacked) == ([1, 1], [1, 1])
    assert tasks.watch.report is not None
    assert [bool(b.task.stack and b.devices) for b in tasks.watch.report.stuck()] == [True]


async def test_a_look_hangs(tasks: Tasks) -> None:
    """Then nothing is claimed."""

    def hang() -> Scan:
        raise Abandoned("did not return")

    tasks.sight.scan = hang  # type: ignore[method-assign]
    await tasks.watch.look()
    assert tasks.watch.report is None
    assert next(r for r in tasks.board.health() if r.name == BLOCKED).state is SourceState.DOWN


async def test_a_look_fails(tasks: Tasks) -> None:
    """What the last one saw may be over."""

    def exhausted() -> Scan:
        raise SourceAbsent(Absence.FAILED, "/proc: open files are exhausted")

    tasks.sight.now = (STUCK,)
    await tasks.watch.look()
    assert tasks.watch.report is not None
    tasks.sight.scan = exhausted  # type: ignore[method-assign]
    with pytest.raises(SourceAbsent):
        await tasks.watch.look()
    assert tasks.watch.report is None
