"""agent.derive.disk_rates, agent.derive.disk_users and agent.derive.blocked_since."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.derive.blocked_since import BlockedSince
from agent.derive.disk_rates import DiskRates
from agent.derive.disk_users import LATELY_NS, DiskUsers
from agent.model.blocked import BlockedTask
from agent.model.cgroup import CgroupId, CgroupLevel, CgroupPlace
from agent.model.disks import Disk, DiskCounters, DiskKind, DiskState, Op, OpCounters
from agent.model.usage import CgroupKind, CgroupSample, DeviceIO, Sweep
from tests.serve.io_sample import APP, KERNEL, STUCK, SYSTEM

S = 1_000_000_000
DISK = Disk(id="253:0", name="dm-0", kind=DiskKind.DEVICE_MAPPER, part_ids=("253:9",))


def counters(
    ended: int = 0, in_flight: int = 0, *, took_ms: int = 0, name: str = "dm-0"
) -> DiskCounters:
    """So many writes of 4096 bytes."""
    none = OpCounters(count=0, bytes=0, milliseconds=0)
    return DiskCounters(
        id="253:0",
        name=name,
        reads=none,
        writes=OpCounters(count=ended, bytes=4096 * ended, milliseconds=took_ms),
        discards=none,
        flushes=None,
        in_flight=in_flight,
        busy_ms=took_ms,
        weighted_ms=2 * took_ms,
    )


class Bench:
    def __init__(self) -> None:
        self.rates = DiskRates()
        self.now = 100 * S

    def look(self, seen: DiskCounters, *, suspended: bool = False) -> DiskState:
        self.now += S
        self.rates.take((seen,), {seen.name: suspended}, self.now)
        (state,) = self.rates.states({"253:0": replace(DISK, name=seen.name)}, {})
        return state


def test_rates() -> None:
    """Over the window: requests, bytes, latency, share of the time and queue."""
    bench = Bench()
    first = bench.look(counters())
    assert (first.rates, first.window_seconds) == ({}, 0.0)
    state = first
    for n in range(1, 21):
        state = bench.look(counters(10 * n, took_ms=50 * n))
    assert state.window_seconds == 10.0
    write = state.rates[Op.WRITE]
    assert (write.per_second, write.bytes_per_second, write.latency_seconds) == (10, 40960, 0.005)
    assert state.rates[Op.READ].latency_seconds is None
    assert Op.FLUSH not in state.rates
    assert (state.busy_ratio, state.queue) == (0.05, 0.1)


def test_stuck() -> None:
    """In flight and none ended: since the first look at it; a request that ends begins anew."""
    bench = Bench()
    assert bench.look(counters(5)).stuck_since_boottime_ns is None
    begun = bench.look(counters(5, 2)).stuck_since_boottime_ns
    assert begun == bench.now
    assert bench.look(counters(5, 3)).stuck_since_boottime_ns == begun
    assert bench.look(counters(6, 3)).stuck_since_boottime_ns == bench.now
    assert bench.look(counters(9, 0)).stuck_since_boottime_ns is None


def test_suspended() -> None:
    """device-mapper holds back what it has not counted."""
    bench = Bench()
    bench.look(counters(5))
    held = bench.look(counters(5), suspended=True)
    begun = held.stuck_since_boottime_ns
    assert (held.suspended, begun) == (True, bench.now)
    assert bench.look(counters(5), suspended=True).stuck_since_boottime_ns == begun
    assert bench.look(counters(5)).stuck_since_boottime_ns is None


def test_a_number_is_used_again() -> None:
    """Another device of the same number is not compared with the first."""
    bench = Bench()
    bench.look(counters(500, 1))
    other = bench.look(counters(1, 1, name="dm-other"))
    assert other.rates == {}
    assert other.stuck_since_boottime_ns == bench.now


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_never_stuck_while_requests_end(looks: list[tuple[int, int]]) -> None:
    """Stuck is never longer than since the last request that ended, or none was in flight."""
    bench = Bench()
    ended = 0
    since = bench.now
    for more, in_flight in looks:
        ended += more
        state = bench.look(counters(ended, in_flight))
        if more or not in_flight:
            since = bench.now
        if state.stuck_since_boottime_ns is not None:
            assert in_flight
            assert state.stuck_since_boottime_ns >= since


PLACE = CgroupPlace(path="/kubepods/podu/4f", level=CgroupLevel.CONTAINER, container_id="4f")
UNIT = CgroupPlace(path="/system.slice/a.service", level=CgroupLevel.SYSTEM, unit="a.service")


def sweep(at: int, app: int, unit: int, kind: CgroupKind = CgroupKind.CONTAINER) -> Sweep:
    """What both have written by then."""
    samples = {}
    for number, (place, written, what) in enumerate(
        ((PLACE, app, kind), (UNIT, unit, CgroupKind.SERVICE))
    ):
        key = CgroupId(hierarchy="v2", inode=number)
        io = {"253:0": DeviceIO(read_bytes=0, written_bytes=written, reads=0, writes=0)}
        samples[key] = CgroupSample(
            id=key, place=place, kind=what, boottime_ns=at, full_boottime_ns=at, io=io
        )
    return Sweep(started_boottime_ns=at, ended_boottime_ns=at, samples=samples)


def test_users() -> None:
    """Who wrote lately, those with most first; the same sample twice changes nothing."""
    users = DiskUsers(names=lambda place: APP if place is PLACE else None)
    users.take(sweep(S, 0, 0))
    assert users.users(S) == {}
    users.take(sweep(3 * S, 8000, 100))
    users.take(sweep(3 * S, 8000, 100))
    (app, unit) = users.users(3 * S)["253:0"]
    assert (app.names, app.written_bytes_per_second) == (APP, 4000.0)
    assert (unit.unit, unit.written_bytes_per_second) == ("a.service", 50.0)
    users.take(sweep(4 * S, 8000, 200))
    assert users.users(LATELY_NS + 3 * S)["253:0"][0].unit == "a.service"
    assert users.users(LATELY_NS + 5 * S) == {}
    users.take(sweep(70 * S, 8000, 200, CgroupKind.POD))
    users.take(sweep(71 * S, 9000, 200, CgroupKind.POD))
    assert users.users(71 * S) == {}


def take(fold: BlockedSince, now: int, *tasks: BlockedTask) -> list[float]:
    """For how long each has waited then, in seconds."""
    found = fold.take(tasks, now)
    return [(now - (b.task.since_boottime_ns or 0)) / S for b in found]


def test_since() -> None:
    """From the first look at which it had not run; its stack stays as long."""
    fold = BlockedSince()
    assert take(fold, 10 * S, STUCK) == [0]
    assert take(fold, 15 * S, STUCK) == [5]
    (known,) = fold.tasks()
    read = frozenset(("8:0",))
    fold.learned(replace(known, devices=read, opened=read))
    assert take(fold, 17 * S, replace(STUCK, task=replace(STUCK.task, stack=()))) == [7]
    (known,) = fold.tasks()
    assert (known.task.stack, known.devices, known.opened) == (STUCK.task.stack, read, read)
    gone_on = replace(STUCK, switches=8, task=replace(STUCK.task, wchan="other"))
    assert take(fold, 20 * S, gone_on) == [0]
    assert take(fold, 21 * S) == []
    fold.learned(STUCK)
    assert fold.tasks() == ()


def test_woken_once_a_minute() -> None:
    """The kernel wakes who waits for a block device, for its own watch: it waits on. Who is woken
    more often goes on.
    """
    fold = BlockedSince()
    assert STUCK.switches is not None
    begun = STUCK.switches
    take(fold, 10 * S, STUCK)
    assert take(fold, 12 * S, replace(STUCK, switches=begun + 1)) == [2]
    assert take(fold, 72 * S, replace(STUCK, switches=begun + 2)) == [62]
    assert take(fold, 132 * S, replace(STUCK, switches=begun + 3)) == [122]
    assert take(fold, 134 * S, replace(STUCK, switches=begun + 4)) == [0]


def test_without_switches() -> None:
    """The function that it sleeps in must do."""
    fold = BlockedSince()
    take(fold, 10 * S, SYSTEM)
    assert take(fold, 12 * S, SYSTEM) == [2]
    assert take(fold, 13 * S, replace(SYSTEM, task=replace(SYSTEM.task, wchan="other"))) == [0]


def test_order() -> None:
    """The longest first, the kernel's own last."""
    fold = BlockedSince()
    take(fold, 10 * S, SYSTEM, KERNEL)
    take(fold, 12 * S, KERNEL, STUCK, SYSTEM)
    assert [b.task.comm for b in fold.tasks()] == ["containerd", "work", "jbd2/dm-0-8"]
