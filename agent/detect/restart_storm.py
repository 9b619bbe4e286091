"""RestartStorm: the probe-kill loop. Pressure makes probes late, the kubelet has the containers
killed for that, and their restarts make the pressure.

Kubernetes calls all of it "137" or "Error"; told apart here by who killed, and why: the runtime, of
a container whose sandbox lives on and that was started again, and not the OOM killer. A container
that its own CPU limit makes late is told apart too: it is that which must change, not the node.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.restarts import THROTTLED, evidence, often, pod, pressure, pressures, within
from agent.detect.scene import Scene
from agent.model.catalogue.restarts import RESTART_STORM
from agent.model.condition import NODE, Finding, Severity
from agent.model.exits import ContainerDeath, StopReason, Verdict

WINDOW_SECONDS = 600.0
"""A probe fails by default three times in 30 s, and a stop has 30 s of grace: five such kills fit
into the time, also with back-off in between.
"""
TIMES_IN_POD, TIMES_ON_NODE, PODS = 3, 5, 2
CPU_SOME, MEMORY_FULL, IO_FULL = 40.0, 10.0, 10.0
"""Percent of ten seconds. A probe has one second by default: with some task waiting for a CPU for
two fifths of the time, or all of them stalled for a tenth, it comes too late often enough.
"""
NODE_CPU_SOME = 80.0
"""Of the node: on many CPUs some task waits often without harm. A container that mostly sleeps has
little pressure of its own, and its probes are late all the same.
"""
UNDER_PRESSURE_RATIO = 0.5
"""Of the deaths: the averages fall within seconds once the killed container is gone."""

_THROTTLED = "CPUThrottled"
_CAUSES = ("MemoryPressure", "IOPressure", "CPUPressure", _THROTTLED, "NetworkPressure")
"""Of those that are told as often the first: who reclaims waits for disks and takes CPUs too."""
_PRESSURES = frozenset(_CAUSES) - {_THROTTLED}
_BY_RUNTIME = (Verdict.STOPPED_BY_RUNTIME, Verdict.GRACE_EXCEEDED, Verdict.KILLED_BY_RUNTIME)


def _detect(scene: Scene) -> Iterator[Finding]:
    """Over several pods it is the node's, else each pod's: calm restarts elsewhere hide none.
    Those by their own limit are never the node's, however many.
    """
    restarts = within(scene, _is_restart, WINDOW_SECONDS)
    shared = [death for death in restarts if _causes(death) != [_THROTTLED]]
    struck = {death.container.pod_uid for death in shared if _causes(death)}
    for deaths in (shared, [death for death in shared if death.container.pod_uid in struck]):
        pods = len({death.container.pod_uid for death in deaths})
        if pods < PODS or len(deaths) < TIMES_ON_NODE:
            continue
        everywhere = list(_found(scene, deaths, pods=pods))
        if everywhere:
            yield from everywhere
            restarts = [death for death in restarts if _causes(death) == [_THROTTLED]]
            break
    by_pod: dict[str, list[ContainerDeath]] = {}
    for death in restarts:
        by_pod.setdefault(death.container.pod_uid, []).append(death)
    for deaths in by_pod.values():
        if len(deaths) >= TIMES_IN_POD:
            yield from _found(scene, deaths, pods=1)


def _found(scene: Scene, deaths: list[ContainerDeath], *, pods: int) -> Iterator[Finding]:
    causes = [cause for death in deaths for cause in _causes(death)]
    where = f" in {pods} pods" if pods > 1 else ""
    said = f"the runtime killed and restarted containers {often(deaths)}{where}"
    if sum(map(bool, map(_causes, deaths))) < len(deaths) * UNDER_PRESSURE_RATIO:
        if any(map(pressures, deaths)):
            return
        yield Finding(
            type=RESTART_STORM.name,
            entity=NODE if pods > 1 else pod(deaths),
            reason="PressureUnknown",
            message=f"{said}, none of them an OOM kill; no pressure was measured",
            evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
            severity=Severity.WARNING,
        )
        return
    cause = max(_CAUSES, key=causes.count)
    throttled = cause == _THROTTLED
    struck = [d for d in deaths if {*_causes(d)} & ({cause} if throttled else _PRESSURES)]
    worst = max(struck, key=lambda death: (cause in _causes(death), _extent(death, cause)))
    how = "kept waiting by their own CPU limit" if throttled else "under pressure"
    to_do = ": raise that limit" if throttled else ""
    yield Finding(
        type=RESTART_STORM.name,
        entity=NODE if pods > 1 else pod(deaths),
        reason=cause,
        message=f"{said}, none of them an OOM kill, {len(struck)} {how} "
        f"({pressure(worst)}): most likely probes that come too late{to_do}",
        evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
        severity=Severity.WARNING if throttled else None,
    )


def _is_restart(death: ContainerDeath) -> bool:
    return death.verdict in _BY_RUNTIME and death.stop_reason is StopReason.RESTART


def _causes(death: ContainerDeath) -> list[str]:
    """Cpu pressure, also the node's, counts tasks that cpu.max keeps waiting. Where it does so, the
    container's own tells of no other cause, and the node's only beyond what that can explain.
    """
    ratio = death.cpu_throttled_ratio or 0.0
    throttled = ratio >= THROTTLED
    cpu, node_cpu = _waited(death), death.node_cpu_pressure_some or 0.0
    if throttled:
        node_cpu -= 100 * ratio
    found = (
        ("CPUPressure", node_cpu >= NODE_CPU_SOME or (cpu >= CPU_SOME and not throttled)),
        (_THROTTLED, cpu >= CPU_SOME and throttled),
        ("MemoryPressure", _extent(death, "MemoryPressure") >= MEMORY_FULL),
        ("IOPressure", _extent(death, "IOPressure") >= IO_FULL),
        ("NetworkPressure", death.network_saturated is True),
    )
    return [name for name, is_so in found if is_so]


def _waited(death: ContainerDeath) -> float:
    """Percent of the time for a CPU; where the kernel has no pressure, the throttled periods."""
    own = death.cpu_pressure_some
    return 100 * (death.cpu_throttled_ratio or 0.0) if own is None else own


def _extent(death: ContainerDeath, cause: str) -> float:
    """Percent of the time, of it or its node; for what is no such wait, that of the CPUs."""
    match cause:
        case "MemoryPressure":
            waits = death.memory_pressure_full, death.node_memory_pressure_full
        case "IOPressure":
            waits = death.io_pressure_full, death.node_io_pressure_full
        case _:
            waits = death.cpu_pressure_some, death.node_cpu_pressure_some
    return max(wait or 0.0 for wait in waits)


DETECTOR = Detector(condition=RESTART_STORM, detect=_detect)
