"""KubeletDown: the kubelet's process is gone or stopped, or its healthz fails or hangs."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.daemons import brief, evidence
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.kubelet import KUBELET_DOWN
from agent.model.condition import NODE, Evidence, Finding
from agent.model.kubelet import Healthz, KubeletReport
from agent.model.runtime import STOPPED, RungState

THROTTLED = 0.05
"""Of its periods: below it is not worth a word."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.kubelet
    if report is None or not report.failing:
        return
    told = (_process(report), _healthz(report.healthz), _throttled(report))
    yield Finding(
        type=KUBELET_DOWN.name,
        entity=NODE,
        reason=_reason(report),
        message="; ".join(words for words in told if words),
        evidence=tuple(_evidence(report)),
    )


def _reason(report: KubeletReport) -> str:
    process, former, healthz = report.process, report.former, report.healthz
    if process is None:
        if former is None:
            return "NoProcess"
        return "OOMKilled" if former.oom_killed else "Dead"
    if process.state in STOPPED:
        return "Stopped"
    assert healthz is not None
    if healthz.state is RungState.SILENT:
        return "Blocked" if process.blocked else "HealthzHangs"
    return "HealthzRefuses" if healthz.status is None else "HealthzFails"


def _process(report: KubeletReport) -> str:
    unknown = f"no process is named kubelet, though {report.facts.config} configures one"
    return brief(report.process, report.former, report.boottime_ns, unknown=unknown)


def _healthz(healthz: Healthz | None) -> str:
    if healthz is None:
        return ""
    match healthz.state:
        case RungState.SILENT:
            waited = "" if healthz.seconds is None else f" for {healthz.seconds:.0f} s"
            may = f"and may take {healthz.deadline_seconds:g} s"
            return f"its healthz at {healthz.address} has not answered{waited}, {may}"
        case RungState.FAILED if healthz.status is None:
            return f"its healthz cannot be asked: {healthz.detail}"
        case RungState.FAILED:
            return f"its healthz answers {healthz.status}: {healthz.detail}"
        case RungState.OK | RungState.UNTRIED:
            return ""


def _throttled(report: KubeletReport) -> str:
    share = report.throttled_ratio
    if share is None or share < THROTTLED:
        return ""
    return f"its own cpu.max stopped it in {100 * share:.0f} % of the periods"


def _evidence(report: KubeletReport) -> Iterator[Evidence]:
    healthz = report.healthz
    if healthz is not None:
        value = healthz.state.value
        if healthz.seconds is not None:
            value += f", {healthz.seconds:.3f} s"
        if healthz.detail:
            value += f": {healthz.detail}"
        yield Evidence(what="healthz", value=value, source=f"GET http://{healthz.address}/healthz")
    yield from evidence(report.process, report.former)


DETECTOR = Detector(condition=KUBELET_DOWN, detect=_detect)
