"""The detectors of pressure: three stalls of the node, and who thrashes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import cpu_stall, io_stall, memory_stall, reclaim_thrash
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.cgroup import CgroupLevel
from agent.model.condition import EntityKind, Finding
from agent.model.pressure import Level, PressureReport, Resource, Scope
from agent.model.rates import Derived, Rates, Shares, UsageReport
from agent.model.usage import CgroupKind, CgroupSample, Sweep
from agent.parse.cgroup_path import place
from tests.serve.pressure_sample import CONTAINER, NOW_BOOT_NS, NOW_WALL_NS, PRESSURE, pressure
from tests.serve.usage_sample import record, sample


def found(detector: Detector, report: PressureReport | None) -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_BOOT_NS, now_wall_ns=NOW_WALL_NS, pressure=report)
    return list(detector.detect(scene))


def levels(
    resource: Resource, node: tuple[float, float], pods: tuple[float, float]
) -> PressureReport:
    return replace(
        PRESSURE,
        levels=(
            Level(scope=Scope.NODE, resource=resource, pressure=pressure(*node)),
            Level(scope=Scope.KUBEPODS, resource=resource, pressure=pressure(*pods)),
        ),
    )


@pytest.mark.parametrize(
    ("detector", "resource", "node", "pods", "reason"),
    [
        (memory_stall.DETECTOR, Resource.MEMORY, (30, 9.9), (30, 10.0), "Kubepods"),
        (memory_stall.DETECTOR, Resource.MEMORY, (30, 20.0), (30, 10.0), "Node"),
        (memory_stall.DETECTOR, Resource.MEMORY, (99, 9.0), (99, 9.0), None),
        (io_stall.DETECTOR, Resource.IO, (90, 40.0), (0, 0.0), "Node"),
        (io_stall.DETECTOR, Resource.IO, (90, 39.0), (90, 39.0), None),
        (cpu_stall.DETECTOR, Resource.CPU, (90, 0.0), (0, 0.0), "Node"),
        (cpu_stall.DETECTOR, Resource.CPU, (50, 0.0), (99, 0.0), None),
    ],
)
def test_stalls(
    detector: Detector,
    resource: Resource,
    node: tuple[float, float],
    pods: tuple[float, float],
    reason: str | None,
) -> None:
    told = found(detector, levels(resource, node, pods))
    assert [finding.reason for finding in told] == ([] if reason is None else [reason])
    for finding in told:
        assert len(finding.evidence) == 2


def test_since_when() -> None:
    """The episode of the same scope says since when."""
    [finding] = found(memory_stall.DETECTOR, PRESSURE)
    assert finding.message == (
        "memory pressure of kubepods: all its tasks with work waited for 30 % of ten seconds, "
        "since 31 s"
    )


def waits(number: int, waiting: float, kind: CgroupKind) -> tuple[CgroupSample, Derived]:
    """One that waits for a disk so much of the time."""
    at = place("/system.slice/a.service") if kind is CgroupKind.SERVICE else None
    one = sample(number, 1 << 26, kind=kind, at=at)
    shares = Shares(waiting=waiting, stalled=waiting / 2)
    return one, Derived(rates=Rates(seconds=10.0, io_pressure=shares))


def test_who_waits_for_a_disk() -> None:
    """Containers and services, those that wait most; not those that hardly do, nor whole pods."""
    used = [
        waits(2, 0.97, CgroupKind.CONTAINER),
        waits(3, 0.98, CgroupKind.POD),
        waits(4, 0.31, CgroupKind.SERVICE),
        waits(5, 0.09, CgroupKind.CONTAINER),
        waits(6, 0.99, CgroupKind.CONTAINER),  # of which nobody knows the names
    ]
    usage = UsageReport(
        wall_ns=1,
        sweep=Sweep(
            started_boottime_ns=1, ended_boottime_ns=1, samples={one.id: one for one, _ in used}
        ),
        derived={one.id: derived for one, derived in used},
    )
    scene = Scene(
        now_boottime_ns=NOW_BOOT_NS,
        now_wall_ns=NOW_WALL_NS,
        pressure=levels(Resource.IO, (50, 20.0), (97, 96.0)),
        usage=usage,
        containers=(record(2, "app"), record(5, "idle")),
    )
    [finding] = io_stall.DETECTOR.detect(scene)
    assert finding.message == (
        "io pressure of kubepods: all its tasks with work waited for 96 % of ten seconds; "
        "who waits most: shop/web-0 app 97 %, a.service 31 % of the time"
    )
    assert [(each.what, each.value) for each in finding.evidence[2:]] == [
        ("shop/web-0 app", "some 0.97, full 0.48"),
        ("a.service", "some 0.31, full 0.15"),
    ]
    assert finding.evidence[3].source == "/system.slice/a.service/io.pressure"
    [finding] = io_stall.DETECTOR.detect(replace(scene, usage=replace(usage, derived={})))
    assert "who waits" not in finding.message


def test_reclaim_thrash() -> None:
    [finding] = found(reclaim_thrash.DETECTOR, PRESSURE)
    assert (finding.reason, finding.entity.id) == ("AtLimit", CONTAINER.id)
    assert finding.message == (
        "4120 times at its limit in 10 s and nothing killed, for 29 s; tasks stalled for 63 % of "
        "ten seconds"
    )


def test_reclaim_without_a_stall() -> None:
    """What costs its tasks no time, or may not, is no finding."""
    [thrash] = PRESSURE.thrashing
    for own in (None, pressure(9.9)):
        quiet = replace(PRESSURE, thrashing=(replace(thrash, pressure=own),))
        assert not found(reclaim_thrash.DETECTOR, quiet)


def test_a_pod_above_high() -> None:
    [thrash] = PRESSURE.thrashing
    pod = replace(
        thrash,
        place=replace(thrash.place, level=CgroupLevel.POD),
        container=None,
        max_rises=0,
        high_rises=9,
    )
    [finding] = found(reclaim_thrash.DETECTOR, replace(PRESSURE, thrashing=(pod,)))
    assert (finding.reason, finding.entity.kind) == ("AboveHigh", EntityKind.POD)
    assert finding.entity.id == CONTAINER.pod_uid


def test_blind() -> None:
    for detector in (cpu_stall, io_stall, memory_stall, reclaim_thrash):
        assert not found(detector.DETECTOR, None)
