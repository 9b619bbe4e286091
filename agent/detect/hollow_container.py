"""HollowContainer: the runtime says RUNNING of a container without a live process."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import entity, seconds
from agent.model.afterlife import Hollow
from agent.model.catalogue.afterlife import HOLLOW_CONTAINER
from agent.model.condition import Evidence, Finding

_DEAD = ("", "Z", "X", "x")


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.afterlife is None:
        return
    now = scene.now_boottime_ns
    for hollow in scene.afterlife.hollow:
        elsewhere = hollow.init_state not in _DEAD
        where = "holds no live process" if hollow.cgroup else "is gone"
        said = f"the runtime says RUNNING, and its cgroup {where}"
        if elsewhere:
            said += (
                f"; its init {hollow.init_pid} lives in {hollow.init_cgroup or 'another cgroup'}"
            )
        yield Finding(
            type=HOLLOW_CONTAINER.name,
            entity=entity(hollow.container),
            reason="ProcessElsewhere" if elsewhere else "NoProcess",
            message=f"{said}, for {seconds(hollow.since_boottime_ns, now)}",
            evidence=tuple(_evidence(hollow, now)),
        )


def _evidence(hollow: Hollow, now_ns: int) -> Iterator[Evidence]:
    yield Evidence(
        what="state",
        value=f"RUNNING, {seconds(hollow.asked_boottime_ns, now_ns)} ago",
        source="ListContainers",
    )
    if hollow.cgroup:
        yield Evidence(what="populated", value="0", source=f"{hollow.cgroup}/cgroup.events")
    if hollow.init_pid is not None:
        state = f"state {hollow.init_state}" if hollow.init_state else "gone"
        yield Evidence(
            what="init", value=f"{hollow.init_pid} {state}", source=f"/proc/{hollow.init_pid}/stat"
        )


DETECTOR = Detector(condition=HOLLOW_CONTAINER, detect=_detect)
