"""GhostContainer: a container's cgroup holds processes, and the runtime does not know it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import brief, entity, evidence, seconds
from agent.model.catalogue.afterlife import GHOST_CONTAINER
from agent.model.condition import Evidence, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.afterlife is None:
        return
    now = scene.now_boottime_ns
    for ghost in scene.afterlife.ghosts:
        yield Finding(
            type=GHOST_CONTAINER.name,
            entity=entity(ghost.container),
            reason="UnknownToRuntime",
            message=f"processes run in its cgroup ({brief(ghost.tasks)}), and the runtime has not "
            f"known it for {seconds(ghost.since_boottime_ns, now)}",
            evidence=(
                Evidence(what="populated", value="1", source=f"{ghost.cgroup}/cgroup.events"),
                Evidence(
                    what="not listed",
                    value=f"none of the {ghost.known} containers and sandboxes of the answer "
                    f"{seconds(ghost.asked_boottime_ns, now)} ago",
                    source="ListContainers, ListPodSandbox",
                ),
                *evidence(ghost.tasks, now),
            ),
        )


DETECTOR = Detector(condition=GHOST_CONTAINER, detect=_detect)
