"""TasksBlocked: tasks wait where no signal reaches them, and have not run for too long."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.blocked import evidence, owners, where
from agent.detect.detector import Detector
from agent.detect.kernel_log import said, said_of_tasks
from agent.detect.scene import Scene
from agent.model.catalogue.io import TASKS_BLOCKED
from agent.model.condition import NODE, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.blocked
    if report is None:
        return
    stuck = report.stuck()
    if not stuck:
        return
    first = stuck[0]
    count = f"{len(stuck)} tasks have" if len(stuck) > 1 else "1 task has"
    if report.more:
        count = f"at least {count}"
    of = f" ({owners(stuck)})" if len(stuck) > 1 else ""
    yield Finding(
        type=TASKS_BLOCKED.name,
        entity=NODE,
        reason="Uninterruptible",
        message=f"{count} been in state D for up to {report.seconds(first):.0f} s: "
        f"{where(first)}{of}",
        evidence=(
            *evidence(report, stuck),
            *said(scene, said_of_tasks(scene, (blocked.task.tid for blocked in stuck))),
        ),
    )


DETECTOR = Detector(condition=TASKS_BLOCKED, detect=_detect)
