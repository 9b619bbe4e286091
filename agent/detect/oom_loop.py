"""OOMLoop: a container is OOM-killed again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.restarts import evidence, loops, often, pod, worst_of_each_pod
from agent.detect.scene import Scene
from agent.model.catalogue.restarts import OOM_LOOP
from agent.model.condition import Finding
from agent.model.exits import ContainerDeath, Verdict

_LIMITS = {
    Verdict.OOM_CONTAINER_LIMIT: "its own limit",
    Verdict.OOM_POD_LIMIT: "the pod's limit",
    Verdict.OOM_KUBEPODS_LIMIT: "the limit of kubepods or a QoS class",
    Verdict.OOM_NESTED_LIMIT: "a limit inside of it",
    Verdict.OOM_NODE: "the node's memory",
    Verdict.OOM_GROUP_SIBLING: "a limit that another hit",
    Verdict.KILLED_BY_OOMD: "the pressure limit of systemd-oomd",
}
_OWN = (Verdict.OOM_CONTAINER_LIMIT, Verdict.OOM_NESTED_LIMIT)


def _detect(scene: Scene) -> Iterator[Finding]:
    for deaths in worst_of_each_pod(loops(scene, _is_oom)):
        verdict = Counter(death.verdict for death in deaths).most_common(1)[0][0]
        name = deaths[-1].container.name or deaths[-1].container.id[:12]
        yield Finding(
            type=OOM_LOOP.name,
            entity=pod(deaths),
            reason="OwnLimit" if verdict in _OWN else "SharedLimit",
            message=f"{name} was OOM-killed {often(deaths)}, mostly at {_LIMITS[verdict]}",
            evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
        )


def _is_oom(death: ContainerDeath) -> bool:
    return death.verdict in _LIMITS


DETECTOR = Detector(condition=OOM_LOOP, detect=_detect)
