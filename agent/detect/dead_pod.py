"""DeadPod: a pod is there, and none of its containers has a live process."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.afterlife import DeadContainer, DeadPod
from agent.model.catalogue.afterlife import DEAD_POD
from agent.model.condition import (
    Entity,
    EntityKind,
    Evidence,
    Finding,
    Severity,
)


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.afterlife is None:
        return
    now = scene.now_boottime_ns
    for pod in scene.afterlife.dead_pods:
        count = len(pod.containers)
        all_of = "its container has" if count == 1 else f"all {count} containers have"
        completed = _completed(pod)
        how = " with 0" if completed else ""
        yield Finding(
            type=DEAD_POD.name,
            entity=Entity(kind=EntityKind.POD, id=pod.pod.pod_uid, names=pod.pod),
            reason="AllCompleted" if completed else "AllDead",
            message=f"{all_of} exited{how}, and none was started for "
            f"{seconds(pod.since_boottime_ns, now)}; the sandbox "
            + ("lives on" if pod.sandbox_alive else "is dead too, and the pod's cgroup is there"),
            evidence=tuple(_evidence(pod)),
            severity=Severity.INFO if completed else None,
        )


def _completed(pod: DeadPod) -> bool:
    return all(container.exit_code == 0 for container in pod.containers)


def _evidence(pod: DeadPod) -> Iterator[Evidence]:
    for container in pod.containers:
        name = container.names.name or container.names.id[:12]
        yield Evidence(
            what="container",
            value=f"{name}: {container.runtime_says or 'no live process'}",
            source=_source(container),
        )


def _source(container: DeadContainer) -> str:
    return "cgroup.events, ContainerStatus" if container.runtime_says else "cgroup.events"


DETECTOR = Detector(condition=DEAD_POD, detect=_detect)
