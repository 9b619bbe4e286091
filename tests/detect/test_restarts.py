"""agent.detect: crash_loop, oom_loop and restart_storm, told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from agent.detect import crash_loop, oom_loop, restart_storm
from agent.detect.scene import Scene
from agent.inventory.records import PodRecord
from agent.model.condition import EntityKind, Finding, Severity
from agent.model.exits import ContainerDeath, Sender, StopReason, Verdict
from agent.model.oom import Container, OOMIncident, Outcome, Truth, Victim

SECOND = 10**9
NOW = 10_000 * SECOND
DETECTORS = (crash_loop.DETECTOR, oom_loop.DETECTOR, restart_storm.DETECTOR)


def death(ago: float, pod: str = "api-1", **fields: Any) -> ContainerDeath:
    known: dict[str, Any] = {"verdict": Verdict.EXITED, "exit_code": 1}
    return ContainerDeath(
        id=f"{pod}-{ago}",
        boot_id="boot",
        revision=1,
        container=Container(
            namespace="default", pod=pod, pod_uid=f"uid-{pod}", name="main", id=f"{ago:0>64}"
        ),
        boottime_ns=NOW - int(ago * SECOND),
        wall_ns=1,
        **(known | fields),
    )


def restart(ago: float, pod: str = "api-1", **fields: Any) -> ContainerDeath:
    known: dict[str, Any] = {
        "verdict": Verdict.GRACE_EXCEEDED,
        "stop_reason": StopReason.RESTART,
        "exit_code": None,
        "signal": 9,
        "cpu_pressure_some": 71.4,
        "sender": Sender(pid=812, comm="containerd-shim"),
        "witnesses": ("signals", "connector"),
    }
    return death(ago, pod, **(known | fields))


def findings(
    deaths: Iterable[ContainerDeath], *pods: str, incidents: Iterable[OOMIncident] = ()
) -> list[Finding]:
    """Of all three detectors."""
    scene = Scene(
        now_boottime_ns=NOW,
        now_wall_ns=1,
        deaths=tuple(sorted(deaths, key=lambda d: d.boottime_ns)),
        incidents=tuple(incidents),
        pods=tuple(
            PodRecord(names=Container(pod_uid=f"uid-{pod}"), first_seen_ns=1) for pod in pods
        ),
    )
    return [found for detector in DETECTORS for found in detector.detect(scene)]


def test_crash_loop() -> None:
    [found] = findings([death(300), death(200), death(60, exit_code=3)], "api-1")
    assert (found.type, found.reason) == ("CrashLoop", "ExitsWithError")
    assert (found.entity.kind, found.entity.id) == (EntityKind.POD, "uid-api-1")
    assert found.message == (
        "main ended by itself 3 times in 4 min: exit code 1 (2), exit code 3 (1)"
    )
    assert found.evidence[0].value == "api-1/main 60 s ago: exited, exit code 3"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"verdict": Verdict.CRASHED, "exit_code": None, "signal": 11}, "Crashes"),
        ({"exit_code": 0}, "Completes"),
    ],
)
def test_crash_loop_reasons(fields: dict[str, Any], reason: str) -> None:
    [found] = findings([death(ago, **fields) for ago in (1, 2, 3)])
    assert found.reason == reason
    assert "3 times in a minute" in found.message


def test_oom_loop() -> None:
    """Whose limit it mostly was."""
    oom: dict[str, Any] = {"verdict": Verdict.OOM_CONTAINER_LIMIT, "signal": 9, "exit_code": None}
    pod: dict[str, Any] = {**oom, "verdict": Verdict.OOM_POD_LIMIT}
    [found] = findings([death(300, **oom), death(200, **oom), death(100, **pod)])
    assert (found.type, found.reason) == ("OOMLoop", "OwnLimit")
    assert found.message == "main was OOM-killed 3 times in 3 min, mostly at its own limit"
    [found] = findings([death(ago, **pod) for ago in (1, 2, 3)])
    assert found.reason == "SharedLimit"


def kill(init: Truth) -> OOMIncident:
    """Of a limit that nobody knows."""
    return OOMIncident(
        id="k1",
        boot_id="boot",
        revision=1,
        boottime_ns=1,
        wall_ns=1,
        victims=(Victim(pid=7, container_init=init),),
        outcome=Outcome.DIED,
    )


def test_oom_loop_at_an_unknown_limit() -> None:
    """That the OOM killer took the init is proven, whatever limit it was for."""
    fields: dict[str, Any] = {
        "verdict": Verdict.UNKNOWN,
        "signal": 9,
        "exit_code": None,
        "incident_ids": ("k0", "k1"),
    }
    deaths = [death(ago, **fields) for ago in (1, 2, 3)]
    [found] = findings(deaths, incidents=[kill(Truth.YES)])
    assert (found.type, found.reason) == ("OOMLoop", "UnknownLimit")
    assert found.message == (
        "main was OOM-killed 3 times in a minute, mostly at a limit that is not known or not of a "
        "pod"
    )
    assert findings(deaths, incidents=[kill(Truth.UNKNOWN)]) == []
    assert findings(deaths) == []
    other = [death(ago, **(fields | {"signal": 15})) for ago in (1, 2, 3)]
    assert findings(other, incidents=[kill(Truth.YES)]) == []


@pytest.mark.parametrize(
    "deaths",
    [
        [death(300), death(200)],  # twice
        [death(1190), death(1000), death(650)],  # recovered
        [death(1300), death(1250), death(10)],  # too far apart
        [death(30), death(20, "api-2"), death(10, "api-3")],  # different pods
        [death(ago, verdict=Verdict.UNKNOWN) for ago in (1, 2, 3)],
        [death(ago, verdict=Verdict.KILLED_BY_PROCESS) for ago in (1, 2, 3)],
        [restart(ago, stop_reason=StopReason.DELETION) for ago in range(1, 9)],
        [restart(ago, cpu_pressure_some=2.0) for ago in range(1, 9)],  # no pressure: no storm
        [restart(ago, cpu_pressure_some=2.0, node_cpu_pressure_some=60.0) for ago in range(1, 9)],
        [restart(ago, cpu_pressure_some=2.0, cpu_throttled_ratio=0.3) for ago in range(1, 9)],
        [restart(ago) for ago in (1, 2)],
        [restart(610), restart(605), restart(10)],
    ],
)
def test_nothing(deaths: list[ContainerDeath]) -> None:
    assert findings(deaths) == []


def test_pods_that_are_gone_loop_no_more() -> None:
    assert findings([death(ago) for ago in (1, 2, 3)], "another") == []


def test_storm_in_one_pod() -> None:
    """By whom, the pressure then, and that they are no OOM kills."""
    [found] = findings([restart(130), restart(70), restart(10, io_pressure_full=3.2)])
    assert (found.type, found.reason) == ("RestartStorm", "CPUPressure")
    assert (found.entity.kind, found.entity.id) == (EntityKind.POD, "uid-api-1")
    assert found.message == (
        "the runtime killed and restarted containers 3 times in 2 min, none of them an OOM kill, "
        "3 under pressure (cpu some 71 %): most likely probes that come too late"
    )
    newest = found.evidence[0]
    assert newest.value == (
        "api-1/main 10 s ago: grace-exceeded by containerd-shim[812], signal 9; cpu some 71 %, "
        "io full 3 %"
    )
    assert newest.source == "signals, connector"


def test_storm_over_the_node() -> None:
    """Five restarts in two pods: one finding, about the node. Half of them may be without."""
    calm = [restart(ago, "api-2", cpu_pressure_some=1.0) for ago in (15, 25)]
    [found] = findings([restart(10), restart(20), restart(30, "api-3"), *calm])
    assert found.entity.kind is EntityKind.NODE
    assert "5 times in a minute in 3 pods" in found.message


def test_calm_restarts_elsewhere_hide_no_storm() -> None:
    """Three restarts of one pod under pressure, four of others without: the node has no storm, the
    pod has.
    """
    calm = [
        restart(ago, f"api-{ago}", cpu_pressure_some=1.0, node_cpu_pressure_some=1.0)
        for ago in (15, 25, 35, 45)
    ]
    stressed = [restart(ago, "stressed", cpu_pressure_some=90.0) for ago in (10, 20, 30)]
    [found] = findings([*stressed, *calm])
    assert (found.entity.kind, found.entity.id) == (EntityKind.POD, "uid-stressed")
    assert "3 times" in found.message


def test_calm_pods_hide_no_storm_of_others() -> None:
    """Three pods twice each under pressure, two with a probe that fails on a calm node."""
    stressed = [restart(10 + ago, f"api-{ago % 3}") for ago in range(6)]
    calm = [
        restart(20 + ago, f"broken-{ago % 2}", cpu_pressure_some=1.0, node_cpu_pressure_some=1.0)
        for ago in range(7)
    ]
    [found] = findings([*stressed, *calm])
    assert (found.entity.kind, found.reason) == (EntityKind.NODE, "CPUPressure")
    assert "6 times in a minute in 3 pods" in found.message


def test_own_limit() -> None:
    """It is to be raised, and over how many pods ever, it is not the node's."""
    throttled: dict[str, Any] = {"cpu_pressure_some": 90.0, "cpu_throttled_ratio": 0.93}
    deaths = [restart(ago, "slow", **throttled) for ago in (10, 70, 130)]
    deaths += [restart(ago, "slower", **throttled) for ago in (20, 80)]
    [found] = findings(deaths)
    assert (found.entity.kind, found.entity.id) == (EntityKind.POD, "uid-slow")
    assert (found.reason, found.severity) == ("CPUThrottled", Severity.WARNING)
    assert found.message == (
        "the runtime killed and restarted containers 3 times in 2 min, none of them an OOM kill, "
        "3 kept waiting by their own CPU limit (throttled in 93 % of its periods, cpu some 90 %): "
        "most likely probes that come too late: raise that limit"
    )
    storm = [restart(ago, f"api-{ago % 2}") for ago in range(11, 16)]
    node, own = findings([*deaths, *storm])
    assert (node.entity.kind, node.reason) == (EntityKind.NODE, "CPUPressure")
    assert "5 times in a minute in 2 pods" in node.message
    assert (own.entity.id, own.reason) == ("uid-slow", "CPUThrottled")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"node_memory_pressure_full": 12.0}, "MemoryPressure"),
        ({"io_pressure_full": 10.0}, "IOPressure"),
        ({"node_io_pressure_full": 10.0}, "IOPressure"),
        ({"cpu_pressure_some": 3.0, "node_cpu_pressure_some": 96.0}, "CPUPressure"),
        ({"network_saturated": True}, "NetworkPressure"),
        # What a throttled container waits for is its own limit, and the node's pressure counts it.
        ({"cpu_pressure_some": 91.0, "cpu_throttled_ratio": 0.05}, "CPUThrottled"),
        ({"cpu_pressure_some": 91.0, "cpu_throttled_ratio": 0.04}, "CPUPressure"),
        (
            {"cpu_pressure_some": 91.0, "cpu_throttled_ratio": 0.9, "node_cpu_pressure_some": 92.0},
            "CPUThrottled",
        ),
        (
            {"cpu_pressure_some": 95.0, "cpu_throttled_ratio": 0.1, "node_cpu_pressure_some": 95.0},
            "CPUPressure",
        ),
        # Who reclaims memory waits for disks and takes CPUs too; lost packets explain neither.
        (
            {
                "memory_pressure_full": 60.0,
                "node_io_pressure_full": 30.0,
                "node_cpu_pressure_some": 90.0,
            },
            "MemoryPressure",
        ),
        ({"io_pressure_full": 60.0, "node_cpu_pressure_some": 90.0}, "IOPressure"),
        ({"network_saturated": True, "node_cpu_pressure_some": 90.0}, "CPUPressure"),
        ({"cpu_throttled_ratio": 0.4}, "CPUThrottled"),  # a kernel without pressure
        ({"cpu_throttled_ratio": 0.3}, "PressureUnknown"),
        ({}, "PressureUnknown"),
    ],
)
def test_storm_reasons(fields: dict[str, Any], reason: str) -> None:
    """Pressure that nobody measured is not the same as none."""
    deaths = [restart(ago, **({"cpu_pressure_some": None} | fields)) for ago in (1, 2, 3)]
    [found] = findings(deaths)
    assert found.reason == reason
    milder = reason in ("PressureUnknown", "CPUThrottled")
    assert found.severity is (Severity.WARNING if milder else None)


def test_the_worst_is_shown() -> None:
    """Of those by the cause that is named, and by that."""
    deaths = [
        restart(3, cpu_pressure_some=90.0),
        restart(2, cpu_pressure_some=50.0, memory_pressure_full=12.0),
        restart(1, cpu_pressure_some=4.0, memory_pressure_full=81.0),
        restart(0, cpu_pressure_some=2.0, memory_pressure_full=11.0),
    ]
    [found] = findings(deaths)
    assert found.reason == "MemoryPressure"
    assert "4 under pressure (cpu some 4 %, memory full 81 %)" in found.message


def test_told_apart() -> None:
    """One pod crashes, another is killed by the runtime, a third at its limit."""
    oom: dict[str, Any] = {"verdict": Verdict.OOM_CONTAINER_LIMIT}
    deaths = [death(ago, "crash") for ago in (1, 2, 3)]
    deaths += [death(ago, "oom", **oom) for ago in (1, 2, 3)]
    deaths += [restart(ago, "probe") for ago in (1, 2, 3)]
    assert [(f.type, f.entity.id) for f in findings(deaths)] == [
        ("CrashLoop", "uid-crash"),
        ("OOMLoop", "uid-oom"),
        ("RestartStorm", "uid-probe"),
    ]
