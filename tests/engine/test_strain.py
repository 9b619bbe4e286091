"""How a container and its node fared: the last sweep and the last pressure, unless too old."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.engine.strain import FRESH_NS, StrainFinder
from agent.model.cgroup import CgroupId, Limit, MemoryLimit
from agent.model.exits import Strain
from agent.model.plumbing import PlumbingRates, PlumbingReport, PlumbingSample
from agent.model.pressure import Level, PressureReport, Resource, Scope
from agent.model.rates import Derived, Rates
from agent.model.usage import (
    CgroupKind,
    CgroupSample,
    CPUUse,
    Limits,
    MemoryUse,
    Pressure,
    Sweep,
)
from agent.parse.cgroup_path import place

AT = 1_000_000_000_000
KEY = CgroupId(hierarchy="v2", inode=7)


def sample(limit: MemoryLimit | None) -> CgroupSample:
    return CgroupSample(
        id=KEY,
        place=place("/kubepods/podx/y"),
        kind=CgroupKind.CONTAINER,
        boottime_ns=AT,
        full_boottime_ns=AT,
        memory=MemoryUse(current=100, anon=60, file=40, inactive_file=30),
        cpu_pressure=Pressure(some_us=1, some_avg10=41.0),
        memory_pressure=Pressure(some_us=1, some_avg10=9.0, full_us=1, full_avg10=4.0),
        limits=Limits(memory_max=limit),
    )


def finder(limit: MemoryLimit | None = 128) -> StrainFinder:
    sweep = Sweep(started_boottime_ns=AT, ended_boottime_ns=AT, samples={KEY: sample(limit)})
    busy = Pressure(some_us=1, some_avg10=81.0, full_us=1, full_avg10=2.0)
    report = PressureReport(
        boottime_ns=AT,
        wall_ns=AT,
        levels=(
            Level(scope=Scope.NODE, resource=Resource.CPU, pressure=busy),
            Level(scope=Scope.KUBEPODS, resource=Resource.IO, pressure=busy),
        ),
    )
    return StrainFinder(sweep=lambda: sweep, pressure=lambda: report)


def test_all_that_was_read() -> None:
    """Each figure where it belongs; what was not read is None, and kubepods is not the node."""
    assert finder().of(KEY, AT + FRESH_NS) == Strain(
        memory_working_set=70,
        memory_limit=128,
        memory_pressure_full=4.0,
        cpu_pressure_some=41.0,
        node_cpu_pressure_some=81.0,
    )


@pytest.mark.parametrize("limit", [Limit.UNLIMITED, None])
def test_no_limit(limit: MemoryLimit | None) -> None:
    """None, whether there is none or it was not read."""
    assert finder(limit).of(KEY, AT).memory_limit is None


@pytest.mark.parametrize(
    ("cpu", "rates", "ratio"),
    [
        ((100, 93), None, 0.93),  # one full sample: of all its life
        ((1000, 930), Rates(seconds=10.0, throttled_ratio=0.2), 0.2),  # lately
        ((1000, 930), Rates(seconds=10.0), None),  # nothing to run lately
        ((0, 0), None, None),  # not limited
        (None, None, None),
    ],
)
def test_throttling(cpu: tuple[int, int] | None, rates: Rates | None, ratio: float | None) -> None:
    """By its own cpu.max; not told of a container that has none."""
    use = (
        None
        if cpu is None
        else CPUUse(usage_us=1, user_us=1, system_us=0, periods=cpu[0], throttled_periods=cpu[1])
    )
    swept = replace(sample(128), cpu=use)
    sweep = Sweep(started_boottime_ns=AT, ended_boottime_ns=AT, samples={KEY: swept})
    found = StrainFinder(
        sweep=lambda: sweep, derived=lambda: {KEY: Derived(rates=rates)}, pressure=lambda: None
    )
    assert found.of(KEY, AT + FRESH_NS).cpu_throttled_ratio == ratio
    assert found.of(KEY, AT + FRESH_NS + 1).cpu_throttled_ratio is None


def test_too_old() -> None:
    """What was read long before says nothing of the end."""
    assert finder().of(KEY, AT + FRESH_NS + 1) == Strain()


def test_unknown_container() -> None:
    """The node's pressure is still told; before the first sweep nothing is."""
    other = CgroupId(hierarchy="v2", inode=8)
    assert finder().of(other, AT) == Strain(node_cpu_pressure_some=81.0)
    assert StrainFinder(sweep=lambda: None, pressure=lambda: None).of(KEY, AT) == Strain()


def test_network() -> None:
    """Saturated while the node loses packets; not told when nothing was read lately."""
    rates = PlumbingRates(window_seconds=10.0, softnet_drops=4.0)
    report = PlumbingReport(
        boottime_ns=AT, wall_ns=AT, sample=PlumbingSample(boottime_ns=AT), rates=rates
    )
    strain = StrainFinder(sweep=lambda: None, pressure=lambda: None, plumbing=lambda: report)
    assert strain.of(KEY, AT).network_saturated is True
    assert strain.of(KEY, AT + FRESH_NS + 1).network_saturated is None
    report = replace(report, rates=PlumbingRates(window_seconds=10.0, softnet_drops=0.0))
    assert strain.of(KEY, AT).network_saturated is False
