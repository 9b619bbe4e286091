"""KubeletDisagrees: the kubelet says that it is well, and the kernel says what is not."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect import runtime_unresponsive
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.kubelet import KUBELET_DISAGREES
from agent.model.condition import NODE, Evidence, Finding
from agent.model.runtime import RungState


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.kubelet
    if report is None or report.healthz is None or report.healthz.state is not RungState.OK:
        return
    truth = next(_truths(scene), None)
    if truth is None:
        return
    reason, words = truth
    yield Finding(
        type=KUBELET_DISAGREES.name,
        entity=NODE,
        reason=reason,
        message=f"the kubelet's healthz says ok, but {words}",
        evidence=(
            Evidence(
                what="the kubelet says",
                value=f"{report.healthz.status}: {report.healthz.detail}",
                source=f"GET http://{report.healthz.address}/healthz",
            ),
            Evidence(what="the kernel says", value=words, source="nodectl runtime, /proc"),
        ),
    )


def _truths(scene: Scene) -> Iterator[tuple[str, str]]:
    """(reason, words), the worst first"""
    runtime, report = scene.runtime, scene.kubelet
    if runtime is not None and not runtime.absent and runtime.failing is not None:
        yield "RuntimeUnresponsive", runtime_unresponsive.told(runtime)
    process = None if report is None else report.process
    if process is not None and process.blocked:
        first = process.blocked[0]
        count = len(process.blocked)
        who = "1 of its threads is" if count == 1 else f"{count} of its threads are"
        yield "Blocked", f"{who} in state D, the first in {first.wchan or '?'}"


DETECTOR = Detector(condition=KUBELET_DISAGREES, detect=_detect)
