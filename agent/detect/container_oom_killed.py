"""ContainerOOMKilled: the OOM killer killed in a container, whatever became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import entity, evidence, in_containers, latest, limit, victims
from agent.detect.scene import Scene
from agent.model.catalogue.oom import CONTAINER_OOM_KILLED
from agent.model.condition import Finding, Severity
from agent.model.oom import Container, LimitLevel, OOMIncident, Outcome

_SHARED = (LimitLevel.POD, LimitLevel.QOS, LimitLevel.KUBEPODS, LimitLevel.NODE)


def _detect(scene: Scene) -> Iterator[Finding]:
    counts = Counter(container.id for _, container in in_containers(scene))
    asked = (
        (incident, container, counts[container.id])
        for incident, container in latest(scene, lambda each: True)
    )
    return scene.memo.findings(CONTAINER_OOM_KILLED, _finding, asked)


def _finding(incident: OOMIncident, container: Container, count: int) -> Finding:
    """`count` of incidents in this container in the last hour."""
    reason = _reason(incident, count)
    again = f"; {count} times in the last hour" if count > 1 else ""
    died = "; the container died" if incident.outcome is Outcome.DIED else ""
    return Finding(
        type=CONTAINER_OOM_KILLED.name,
        entity=entity(container),
        reason=reason,
        message=f"{victims(incident)} killed {limit(incident)}{died}{again}",
        evidence=evidence(incident),
        at_boottime_ns=incident.boottime_ns,
        severity=Severity.INFO if reason == "OwnLimit" else None,
    )


def _reason(incident: OOMIncident, count: int) -> str:
    if incident.limit_level in _SHARED:
        return "SharedLimit"
    if count > 1:
        return "Repeated"
    return "UnknownLimit" if incident.limit_level is LimitLevel.UNKNOWN else "OwnLimit"


DETECTOR = Detector(condition=CONTAINER_OOM_KILLED, detect=_detect)
