"""ShimBlocked: a thread of a pod's shim waits where no signal reaches it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import brief, evidence, seconds
from agent.model.afterlife import TaskList
from agent.model.catalogue.runtime import SHIM_BLOCKED
from agent.model.condition import Entity, EntityKind, Finding
from agent.model.oom import Container
from agent.model.runtime import Shim


def _detect(scene: Scene) -> Iterator[Finding]:
    shims = () if scene.runtime is None else scene.runtime.shims or ()
    now = scene.now_boottime_ns
    for shim in shims:
        if not shim.blocked:
            continue
        tasks = TaskList(tasks=shim.blocked)
        yield Finding(
            type=SHIM_BLOCKED.name,
            entity=_entity(shim),
            reason="Uninterruptible",
            message=f"{brief(tasks)}, and has not run for "
            f"{seconds(shim.blocked[0].since_boottime_ns, now)}; a start, a stop or an exec that "
            "it was asked for does not end",
            evidence=tuple(evidence(tasks, now)),
        )


def _entity(shim: Shim) -> Entity:
    """Its pod; of one that is not known, the sandbox, or the process."""
    pod = shim.pod or Container(id=shim.sandbox_id)
    key = pod.pod_uid or shim.sandbox_id or f"pid {shim.key.pid}"
    return Entity(kind=EntityKind.POD, id=key, names=pod)


DETECTOR = Detector(condition=SHIM_BLOCKED, detect=_detect)
