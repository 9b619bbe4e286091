"""The detectors of what is kept from its CPU, and of services that pods depend on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import cpu_throttled, service_starved, service_throttled
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.inventory.records import ContainerRecord
from agent.model.condition import EntityKind, Finding
from agent.model.oom import Container
from agent.model.rates import Derived, Rates, Shares, UsageReport
from agent.model.usage import CgroupKind, Limits, Sweep
from agent.parse.cgroup_path import place
from tests.serve.usage_sample import LIMITS, NOW_NS, key, sample

QUIET = Shares(waiting=0.01, stalled=0.0)


def found(
    detector: Detector,
    unit: str = "kubelet.service",
    limits: Limits = LIMITS,
    kind: CgroupKind = CgroupKind.SERVICE,
    rates: Rates | None = None,
) -> list[Finding]:
    one = sample(2, 1 << 26, kind=kind, at=place(f"/system.slice/{unit}"), limits=limits)
    report = UsageReport(
        wall_ns=1,
        sweep=Sweep(started_boottime_ns=NOW_NS, ended_boottime_ns=NOW_NS, samples={one.id: one}),
        derived={key(2): Derived(rates=rates)},
    )
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, usage=report)
    return list(detector.detect(scene))


def rates(**known: float | Shares | None) -> Rates:
    quiet = Rates(seconds=10.0, cpu_pressure=QUIET, memory_pressure=QUIET, io_pressure=QUIET)
    return replace(quiet, **known)


def test_throttled() -> None:
    [finding] = found(service_throttled.DETECTOR, rates=rates(throttled_ratio=0.31, cpu_cores=0.5))
    assert (finding.entity.kind, finding.entity.id) == (EntityKind.SERVICE, "kubelet.service")
    assert finding.message == (
        "throttled in 31 % of its periods of 10 s: cpu.max gives it 0.50 CPUs; it used 0.50"
    )
    assert [each.value for each in finding.evidence] == ["0.31 in 10 s", "50000 100000"]
    assert finding.evidence[0].source == "/system.slice/kubelet.service/cpu.stat"


@pytest.mark.parametrize(
    ("unit", "limits", "ratio"),
    [
        ("kubelet.service", LIMITS, 0.24),
        ("kubelet.service", LIMITS, None),
        ("kubelet.service", Limits(), 0.9),  # taken away since
        ("backup.service", LIMITS, 0.9),  # throttled because somebody wanted it so
        ("kubelet.slice", LIMITS, 0.9),
    ],
)
def test_not_throttled(unit: str, limits: Limits, ratio: float | None) -> None:
    told = found(
        service_throttled.DETECTOR, unit, limits=limits, rates=rates(throttled_ratio=ratio)
    )
    assert told == []


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"cpu_pressure": Shares(waiting=0.5)}, "CPU"),
        ({"cpu_pressure": Shares(waiting=0.49)}, None),
        ({"cpu_pressure": Shares(waiting=0.9), "throttled_ratio": 0.05}, None),
        ({"cpu_pressure": Shares(waiting=0.9), "throttled_ratio": 0.04}, "CPU"),
        ({"memory_pressure": Shares(waiting=0.9, stalled=0.1)}, "Memory"),
        ({"memory_pressure": Shares(waiting=0.9, stalled=0.09)}, None),
        ({"io_pressure": Shares(waiting=0.9, stalled=0.4)}, "IO"),
        ({"io_pressure": Shares(waiting=0.9)}, None),
        (
            {
                "cpu_pressure": Shares(waiting=0.9),
                "memory_pressure": Shares(waiting=0.5, stalled=0.5),
            },
            "Memory",
        ),
    ],
)
def test_starved(known: dict[str, float | Shares], reason: str | None) -> None:
    told = found(service_starved.DETECTOR, "k3s-agent.service", rates=rates(**known))
    assert [finding.reason for finding in told] == ([] if reason is None else [reason])
    for finding in told:
        assert len(finding.evidence) == (4 if "throttled_ratio" in known else 3)


def test_only_services_that_were_read_twice() -> None:
    """A container may be called kubelet.service; a first sample has no rates."""
    starving = rates(cpu_pressure=Shares(waiting=0.9), throttled_ratio=None)
    for detector in (service_starved.DETECTOR, service_throttled.DETECTOR):
        assert found(detector, kind=CgroupKind.CONTAINER, rates=starving) == []
        assert found(detector, rates=None) == []
        assert list(detector.detect(Scene(now_boottime_ns=1, now_wall_ns=1))) == []


APP = Container(namespace="shop", pod="web-0", pod_uid="u1", name="app", id="a" * 64)


def container(
    known: Rates | None, limits: Limits = LIMITS, kind: CgroupKind = CgroupKind.CONTAINER
) -> list[Finding]:
    """What is said of a container with these rates."""
    one = sample(2, 1 << 26, kind=kind, at=place("/kubepods/podu1/" + "a" * 64), limits=limits)
    report = UsageReport(
        wall_ns=1,
        sweep=Sweep(started_boottime_ns=NOW_NS, ended_boottime_ns=NOW_NS, samples={one.id: one}),
        derived={one.id: Derived(rates=known)},
    )
    record = ContainerRecord(id=one.id, place=one.place, names=APP, first_seen_ns=1)
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, usage=report, containers=(record,))
    unknown = replace(scene, containers=())
    assert list(cpu_throttled.DETECTOR.detect(unknown)) == []
    return list(cpu_throttled.DETECTOR.detect(scene))


def test_container_throttled() -> None:
    """By its own limit, told apart from how long it waits for a CPU."""
    waits = Shares(waiting=0.93)
    [finding] = container(rates(throttled_ratio=0.88, cpu_cores=0.5, cpu_pressure=waits))
    assert (finding.entity.kind, finding.entity.id) == (EntityKind.CONTAINER, "a" * 64)
    assert finding.message == (
        "throttled in 88 % of its periods of 10 s: cpu.max gives it 0.50 CPUs; it used 0.50 and"
        " waited 93 % of the time"
    )
    assert [each.value for each in finding.evidence] == ["0.88 in 10 s", "50000 100000"]


def test_container_not_throttled() -> None:
    """Bursts, no limit, nothing known, a pod."""
    assert container(rates(throttled_ratio=0.49)) == []
    assert container(rates(throttled_ratio=None)) == []
    assert container(rates(throttled_ratio=0.9), limits=Limits()) == []
    assert container(None) == []
    assert container(rates(throttled_ratio=0.9), kind=CgroupKind.POD) == []
    assert list(cpu_throttled.DETECTOR.detect(Scene(now_boottime_ns=1, now_wall_ns=1))) == []
