"""Rates, and the time until the memory limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from agent.derive.usage import STEP, UsageFold, rates
from agent.model.cgroup import CgroupId, CgroupPlace, Limit, MemoryLimit
from agent.model.rates import Derived
from agent.model.usage import (
    CgroupKind,
    CgroupSample,
    CPUUse,
    DeviceIO,
    Limits,
    MemoryUse,
    Pressure,
    Sweep,
)
from agent.parse.cgroup_path import place

NS = 1_000_000_000
MI = 1 << 20
PLACE: CgroupPlace = place("/kubepods/pod1/" + "a" * 64)
KEY = CgroupId(hierarchy="v2", inode=7)


def sample(
    second: float,
    working_set: int = 0,
    *,
    limit: MemoryLimit | None = None,
    full: bool = True,
    cpu: CPUUse | None = None,
) -> CgroupSample:
    now_ns = int(second * NS)
    return CgroupSample(
        id=KEY,
        place=PLACE,
        kind=CgroupKind.CONTAINER,
        boottime_ns=now_ns,
        full_boottime_ns=now_ns if full else 0,
        memory=MemoryUse(current=working_set, anon=working_set, file=0, inactive_file=0),
        cpu=cpu,
        limits=Limits(memory_max=limit),
    )


def sweep(*samples: CgroupSample) -> Sweep:
    at = samples[0].boottime_ns if samples else 0
    return Sweep(
        started_boottime_ns=at, ended_boottime_ns=at, samples={each.id: each for each in samples}
    )


def after(
    seconds: int, level: Callable[[int], int], limit: MemoryLimit | None = 128 * MI
) -> Derived:
    """What is known after so many seconds, swept once a second, in full every fifth time."""
    fold = UsageFold()
    derived: Mapping[CgroupId, Derived] = {}
    for second in range(1, seconds + 1):
        full = second % 5 == 0
        derived = fold.observe(sweep(sample(second, level(second), limit=limit, full=full)))
    return derived[KEY]


CPU = CPUUse(
    usage_us=1_000_000,
    user_us=1,
    system_us=1,
    periods=100,
    throttled_periods=10,
    throttled_us=5,
)


def test_rates() -> None:
    """Each is the growth of a counter over the time between; 5 s here."""
    pressure = Pressure(some_us=1_000_000, full_us=500_000)
    before = replace(
        sample(10, cpu=CPU),
        io={"8:0": DeviceIO(read_bytes=1000, written_bytes=0, reads=1, writes=0)},
        cpu_pressure=pressure,
        memory_pressure=pressure,
        io_pressure=pressure,
    )
    now = replace(
        sample(15, cpu=replace(CPU, usage_us=3_500_000, periods=150, throttled_periods=35)),
        io={
            "8:0": DeviceIO(read_bytes=6000, written_bytes=0, reads=2, writes=0),
            "8:16": DeviceIO(read_bytes=0, written_bytes=500, reads=0, writes=1),
        },
        cpu_pressure=Pressure(some_us=3_500_000),
        memory_pressure=Pressure(some_us=99_000_000, full_us=500_000),
        io_pressure=None,
    )
    found = rates(before, now)
    assert found is not None
    assert (found.seconds, found.cpu_cores, found.throttled_ratio) == (5.0, 0.5, 0.5)
    assert (found.read_bytes_per_second, found.written_bytes_per_second) == (1000.0, 100.0)
    assert found.cpu_pressure is not None
    assert (found.cpu_pressure.waiting, found.cpu_pressure.stalled) == (0.5, None)
    assert found.memory_pressure is not None
    assert (found.memory_pressure.waiting, found.memory_pressure.stalled) == (1.0, 0.0)
    assert found.io_pressure is None


def test_no_rate_without_two_of_the_same() -> None:
    """Another inode is another cgroup, whatever its path."""
    before, now = sample(10, cpu=CPU), sample(15, cpu=CPU)
    assert rates(before, replace(now, id=CgroupId(hierarchy="v2", inode=8))) is None
    assert rates(before, before) is None
    fold = UsageFold()
    fold.observe(sweep(before))
    fold.observe(sweep())
    assert fold.observe(sweep(now))[KEY].rates is None


def test_rates_are_kept_between_full_samples() -> None:
    """What was measured over the last five seconds stands until the next full sample."""
    fold = UsageFold()
    fold.observe(sweep(sample(5, cpu=CPU)))
    first = fold.observe(sweep(sample(10, cpu=replace(CPU, usage_us=2_000_000))))[KEY]
    assert first.rates is not None
    assert first.rates.cpu_cores == 0.2
    assert first.rates.throttled_ratio is None  # no period had anything to run
    later = sample(11, cpu=replace(CPU, usage_us=9_000_000), full=False)
    assert fold.observe(sweep(later))[KEY] == first


def test_others_may_run_in_between() -> None:
    """Many cgroups are looked at in steps; what follows is told of all of them at once."""
    one = sample(5, cpu=CPU)
    many = [replace(one, id=CgroupId(hierarchy="v2", inode=n)) for n in range(2 * STEP + 1)]
    fold = UsageFold()
    seen = [len(fold.derived) for _ in fold.steps(sweep(*many))]
    assert seen == [0, 0]
    assert len(fold.derived) == len(many)


def test_a_leak_is_told() -> None:
    """1 MiB a second, 64 MiB left: 64 s."""
    known = after(64, lambda second: second * MI)
    assert known.growth is not None
    assert known.growth.per_second == pytest.approx(MI, rel=0.02)
    assert known.seconds_to_limit == pytest.approx(128 - 60, abs=6)


def test_the_time_is_of_this_moment() -> None:
    """Between two fits the line goes on; a fall ends it."""
    fold = UsageFold()
    for second in range(1, 61):
        fold.observe(sweep(sample(second, second * MI, limit=128 * MI, full=second % 10 == 0)))
    told = [
        fold.observe(sweep(sample(second, second * MI, limit=128 * MI, full=False)))[KEY]
        for second in range(61, 66)
    ]
    assert [known.seconds_to_limit for known in told] == pytest.approx([67, 66, 65, 64, 63])
    fallen = sample(66, 10 * MI, limit=128 * MI, full=False)
    assert fold.observe(sweep(fallen))[KEY].seconds_to_limit is None


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(lambda second: 64 * MI, id="steady"),
        pytest.param(lambda second: 128 * MI - second * MI, id="falling"),
        pytest.param(lambda second: (second % 40) * 2 * MI, id="sawtooth"),
        pytest.param(lambda second: 40 * MI + (second % 7) * 4 * MI, id="short teeth"),
        pytest.param(lambda second: (90 if second > 60 else 10) * MI, id="step"),
    ],
)
def test_no_time_without_a_leak(level: Callable[[int], int]) -> None:
    """At whatever moment one looks, once there was time to see what it is."""
    for seconds in range(80, 120, 5):
        assert after(seconds, level).seconds_to_limit is None


@pytest.mark.parametrize("limit", [Limit.UNLIMITED, None])
def test_no_time_without_a_limit(limit: MemoryLimit | None) -> None:
    assert after(60, lambda second: second * MI, limit).seconds_to_limit is None
