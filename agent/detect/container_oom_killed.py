"""ContainerOOMKilled: the OOM killer killed in a container, whatever became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from agent.detect.detector import Detector
from agent.detect.oom import PodsOfOne, entity, evidence, in_containers, latest, limit, victims
from agent.detect.scene import Scene
from agent.model.catalogue.oom import CONTAINER_OOM_KILLED
from agent.model.condition import Finding, Severity
from agent.model.oom import Container, LimitLevel, OOMIncident, Outcome

_SHARED = (LimitLevel.POD, LimitLevel.QOS, LimitLevel.KUBEPODS, LimitLevel.NODE)


class _Beside(NamedTuple):
    times: int  # of incidents in this container in the last hour
    alone: bool  # at the limit of a pod that has no other container


def _detect(scene: Scene) -> Iterator[Finding]:
    counts = Counter(container.id for _, container in in_containers(scene))
    found = list(latest(scene, lambda each: True))
    at_pods = any(incident.limit_level is LimitLevel.POD for incident, _ in found)
    pods = PodsOfOne(scene) if at_pods else None

    def beside(incident: OOMIncident, container: Container) -> _Beside:
        alone = incident.limit_level is LimitLevel.POD and pods is not None and pods.has(container)
        return _Beside(times=counts[container.id], alone=alone)

    asked = ((incident, container, beside(incident, container)) for incident, container in found)
    return scene.memo.findings(CONTAINER_OOM_KILLED, _finding, asked)


def _finding(incident: OOMIncident, container: Container, beside: _Beside) -> Finding:
    reason = _reason(incident, beside)
    nobody = ", which it shares with nobody" if beside.alone else ""
    again = f"; {beside.times} times in the last hour" if beside.times > 1 else ""
    died = "; the container died" if incident.outcome is Outcome.DIED else ""
    return Finding(
        type=CONTAINER_OOM_KILLED.name,
        entity=entity(container),
        reason=reason,
        message=f"{victims(incident)} killed {limit(incident)}{nobody}{died}{again}",
        evidence=evidence(incident),
        at_boottime_ns=incident.boottime_ns,
        severity=Severity.INFO if reason == "OwnLimit" else None,
    )


def _reason(incident: OOMIncident, beside: _Beside) -> str:
    if incident.limit_level in _SHARED and not beside.alone:
        return "SharedLimit"
    if beside.times > 1:
        return "Repeated"
    return "UnknownLimit" if incident.limit_level is LimitLevel.UNKNOWN else "OwnLimit"


DETECTOR = Detector(condition=CONTAINER_OOM_KILLED, detect=_detect)
