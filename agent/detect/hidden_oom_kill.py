"""HiddenOOMKill: a process of a container was killed, and the container runs on without it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import entity, evidence, latest, limit, victims
from agent.detect.scene import Scene
from agent.model.catalogue.oom import HIDDEN_OOM_KILL
from agent.model.condition import Finding
from agent.model.oom import Container, OOMIncident, Truth


def _detect(scene: Scene) -> Iterator[Finding]:
    found = latest(scene, lambda each: each.hidden is Truth.YES)
    asked = ((incident, container, 0) for incident, container in found)
    return scene.memo.findings(HIDDEN_OOM_KILL, _finding, asked)


def _finding(incident: OOMIncident, container: Container, _: int) -> Finding:
    were = "were" if len(incident.victims) > 1 else "was"
    return Finding(
        type=HIDDEN_OOM_KILL.name,
        entity=entity(container),
        reason="ProcessKilled",
        message=f"{victims(incident)} {were} killed {limit(incident)}; the container runs on, "
        f"the runtime says {incident.runtime_says or 'nothing'}",
        evidence=evidence(incident),
        at_boottime_ns=incident.boottime_ns,
    )


DETECTOR = Detector(condition=HIDDEN_OOM_KILL, detect=_detect)
