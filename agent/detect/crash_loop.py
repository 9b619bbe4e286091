"""CrashLoop: a container ends by its own doing, again and again."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.restarts import evidence, how, loops, often, pod, worst_of_each_pod
from agent.detect.scene import Scene
from agent.model.catalogue.restarts import CRASH_LOOP
from agent.model.condition import Finding
from agent.model.exits import ContainerDeath, Verdict


def _detect(scene: Scene) -> Iterator[Finding]:
    for deaths in worst_of_each_pod(loops(scene, _is_own)):
        name = deaths[-1].container.name or deaths[-1].container.id[:12]
        yield Finding(
            type=CRASH_LOOP.name,
            entity=pod(deaths),
            reason=_reason(deaths),
            message=f"{name} ended by itself {often(deaths)}: {how(deaths)}",
            evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
        )


def _is_own(death: ContainerDeath) -> bool:
    return death.verdict in (Verdict.CRASHED, Verdict.EXITED)


def _reason(deaths: list[ContainerDeath]) -> str:
    if any(death.verdict is Verdict.CRASHED for death in deaths):
        return "Crashes"
    return "Completes" if all(death.exit_code == 0 for death in deaths) else "ExitsWithError"


DETECTOR = Detector(condition=CRASH_LOOP, detect=_detect)
