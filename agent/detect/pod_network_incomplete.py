"""PodNetworkIncomplete: a step of a running pod's network path is broken."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.network import POD_NETWORK_INCOMPLETE
from agent.model.condition import Entity, EntityKind, Evidence, Finding
from agent.model.network import PathStep, PodNetwork, StepState

LOOKS = 2
"""What a CNI changes just then can be seen half done in one look."""
REASONS = {
    PathStep.NAMESPACE: "NamespaceBroken",
    PathStep.LINK: "LinkBroken",
    PathStep.ATTACHMENT: "NotAttached",
    PathStep.ADDRESS: "NoAddress",
    PathStep.ROUTES: "RoutesBroken",
    PathStep.NAT: "NATMissing",
}
SOURCES = {
    PathStep.NAMESPACE: "/proc/PID/ns/net",
    PathStep.LINK: "RTM_GETLINK",
    PathStep.ATTACHMENT: "RTM_GETLINK, RTM_GETROUTE, RTM_GETTFILTER",
    PathStep.ADDRESS: "RTM_GETADDR",
    PathStep.ROUTES: "RTM_GETROUTE, RTM_GETNEIGH",
    PathStep.NAT: "NFT_MSG_GETRULE",
}


def _detect(scene: Scene) -> Iterator[Finding]:
    for pod in () if scene.network is None else scene.network.pods:
        step = pod.broken
        if step is None or pod.broken_looks < LOOKS:
            continue
        yield Finding(
            type=POD_NETWORK_INCOMPLETE.name,
            entity=Entity(kind=EntityKind.POD, id=pod.pod.pod_uid, names=pod.pod),
            reason=REASONS[step.step],
            message=f"its network path is broken at step {_number(step.step)} of 6, "
            f"{step.step.value}: {step.detail}",
            evidence=tuple(_evidence(pod)),
        )


def _number(step: PathStep) -> int:
    return list(PathStep).index(step) + 1


def _evidence(pod: PodNetwork) -> Iterator[Evidence]:
    for each in pod.steps:
        if each.state is not StepState.UNREACHED:
            value = f"{each.state.value}: {each.detail}"
            yield Evidence(what=each.step.value, value=value, source=SOURCES[each.step])


DETECTOR = Detector(condition=POD_NETWORK_INCOMPLETE, detect=_detect)
