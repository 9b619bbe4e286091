"""UndyingContainer: it was asked to die, and tasks of it remain."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import blocked, brief, entity, evidence, seconds
from agent.model.afterlife import Undying
from agent.model.catalogue.afterlife import UNDYING_CONTAINER
from agent.model.condition import Evidence, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.afterlife is None:
        return
    now = scene.now_boottime_ns
    for undying in scene.afterlife.undying:
        age = seconds(undying.since_boottime_ns, now)
        kill = undying.kill
        if kill is None:
            asked = f"the runtime says that it has exited, and tasks remain for {age}"
        else:
            asked = (
                f"SIGKILL was sent to its process {kill.pid} {age} ago by {_sender(undying)}, "
                "and tasks remain"
            )
        yield Finding(
            type=UNDYING_CONTAINER.name,
            entity=entity(undying.container),
            reason=_reason(undying),
            message=f"{asked}: {brief(undying.tasks)}",
            evidence=tuple(_evidence(undying, now)),
        )


def _reason(undying: Undying) -> str:
    if blocked(undying.tasks):
        return "Uninterruptible"
    return "OutlivesItsExit" if undying.kill is None else "SurvivesSIGKILL"


def _sender(undying: Undying) -> str:
    kill = undying.kill
    assert kill is not None
    if kill.by_kernel:
        return "the kernel"
    return f"{kill.sender_comm}[{kill.sender_pid}]"


def _evidence(undying: Undying, now_ns: int) -> Iterator[Evidence]:
    if undying.kill is not None:
        yield Evidence(
            what="SIGKILL",
            value=f"to {undying.kill.pid} by {_sender(undying)}, "
            f"{seconds(undying.kill.boottime_ns, now_ns)} ago",
            source="signal:signal_generate",
        )
    if undying.runtime_says_exited:
        yield Evidence(what="state", value="EXITED", source="ListContainers")
    yield from evidence(undying.tasks, now_ns)
    if undying.frozen:
        yield Evidence(
            what="frozen",
            value="1; this does not hold it: SIGKILL wakes what the freezer holds",
            source=f"{undying.cgroup}/cgroup.events",
        )


DETECTOR = Detector(condition=UNDYING_CONTAINER, detect=_detect)
