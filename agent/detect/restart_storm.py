"""RestartStorm: the probe-kill loop. Pressure makes probes late, the kubelet has the containers
killed for that, and their restarts make the pressure.

Kubernetes calls all of it "137" or "Error"; told apart here by who killed, and why: the runtime, of
a container whose sandbox lives on and that was started again, and not the OOM killer.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.restarts import evidence, often, pod, pressure, within
from agent.detect.scene import Scene
from agent.model.catalogue.restarts import RESTART_STORM
from agent.model.condition import NODE, Finding
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

_BY_RUNTIME = (Verdict.STOPPED_BY_RUNTIME, Verdict.GRACE_EXCEEDED, Verdict.KILLED_BY_RUNTIME)


def _detect(scene: Scene) -> Iterator[Finding]:
    """Over several pods it is the node's, else each pod's: calm restarts elsewhere hide none."""
    restarts = within(scene, _is_restart, WINDOW_SECONDS)
    by_pod: dict[str, list[ContainerDeath]] = {}
    for death in restarts:
        by_pod.setdefault(death.container.pod_uid, []).append(death)
    if len(by_pod) >= PODS and len(restarts) >= TIMES_ON_NODE:
        everywhere = list(_found(scene, restarts, pods=len(by_pod)))
        if everywhere:
            yield from everywhere
            return
    for deaths in by_pod.values():
        if len(deaths) >= TIMES_IN_POD:
            yield from _found(scene, deaths, pods=1)


def _found(scene: Scene, deaths: list[ContainerDeath], *, pods: int) -> Iterator[Finding]:
    stressed = [death for death in deaths if _causes(death)]
    where = f" in {pods} pods" if pods > 1 else ""
    said = f"the runtime killed and restarted containers {often(deaths)}{where}"
    if not any(map(pressure, deaths)):
        yield Finding(
            type=RESTART_STORM.name,
            entity=NODE if pods > 1 else pod(deaths),
            reason="PressureUnknown",
            message=f"{said}, none of them an OOM kill; no pressure was measured",
            evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
        )
        return
    if len(stressed) < len(deaths) * UNDER_PRESSURE_RATIO:
        return
    causes = [cause for death in stressed for cause in _causes(death)]
    cause = max(sorted(set(causes)), key=causes.count)
    worst = max(stressed, key=_cpu)
    yield Finding(
        type=RESTART_STORM.name,
        entity=NODE if pods > 1 else pod(deaths),
        reason=f"{cause}Pressure",
        message=f"{said}, none of them an OOM kill, {len(stressed)} under pressure "
        f"({pressure(worst)}): most likely probes that come too late",
        evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
    )


def _is_restart(death: ContainerDeath) -> bool:
    return death.verdict in _BY_RUNTIME and death.stop_reason is StopReason.RESTART


def _causes(death: ContainerDeath) -> list[str]:
    cpu, node_cpu = death.cpu_pressure_some or 0, death.node_cpu_pressure_some or 0
    memory = max(death.memory_pressure_full or 0, death.node_memory_pressure_full or 0)
    io = max(death.io_pressure_full or 0, death.node_io_pressure_full or 0)
    found = (
        ("CPU", cpu >= CPU_SOME or node_cpu >= NODE_CPU_SOME),
        ("Memory", memory >= MEMORY_FULL),
        ("IO", io >= IO_FULL),
        ("Network", death.network_saturated is True),
    )
    return [name for name, is_so in found if is_so]


def _cpu(death: ContainerDeath) -> float:
    return max(death.cpu_pressure_some or 0.0, death.node_cpu_pressure_some or 0.0)


DETECTOR = Detector(condition=RESTART_STORM, detect=_detect)
