"""KubeletDisagrees: the kubelet says that it is well, and the kernel says what is not."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.node_truths import Truth, truths
from agent.detect.scene import Scene
from agent.model.catalogue.kubelet import KUBELET_DISAGREES
from agent.model.condition import NODE, Evidence, Finding
from agent.model.runtime import RungState


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.kubelet
    if report is None or report.healthz is None or report.healthz.state is not RungState.OK:
        return
    found = [*truths(scene), *_own(scene)]
    if not found:
        return
    yield Finding(
        type=KUBELET_DISAGREES.name,
        entity=NODE,
        reason=found[0].reason,
        message="the kubelet's healthz says ok, but "
        + "; and ".join(truth.words for truth in found),
        evidence=(
            Evidence(
                what="the kubelet says",
                value=f"{report.healthz.status}: {report.healthz.detail}",
                source=f"GET http://{report.healthz.address}/healthz",
            ),
            *(
                Evidence(what=f"the kernel: {each.reason}", value=each.words, source=each.source)
                for each in found
            ),
        ),
        also=tuple(truth.reason for truth in found[1:]),
    )


def _own(scene: Scene) -> Iterator[Truth]:
    process = None if scene.kubelet is None else scene.kubelet.process
    if process is not None and process.blocked:
        first = process.blocked[0]
        count = len(process.blocked)
        who = "1 of its threads is" if count == 1 else f"{count} of its threads are"
        words = f"{who} in state D, the first in {first.wchan or '?'}"
        yield Truth(reason="Blocked", words=words, source="/proc")


DETECTOR = Detector(condition=KUBELET_DISAGREES, detect=_detect)
