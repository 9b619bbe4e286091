"""RuntimeDisagrees: what the runtime says of a container's end, the kernel denies."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import entity, evidence, latest, limit, victims
from agent.detect.scene import Scene
from agent.model.catalogue.oom import RUNTIME_DISAGREES
from agent.model.condition import Evidence, Finding
from agent.model.oom import Container, Disagreement, OOMIncident

_REASONS = {
    Disagreement.KILL_NOT_REPORTED: "KillNotReported",
    Disagreement.REPORTED_WITHOUT_DEATH: "ReportedWithoutDeath",
    Disagreement.KERNEL_COUNTED_NONE: "KernelCountedNone",
}
_KERNEL = {
    Disagreement.REPORTED_WITHOUT_DEATH: "the kernel did not OOM-kill its init",
    Disagreement.KERNEL_COUNTED_NONE: "the kernel has OOM-killed nothing in it",
}


def _detect(scene: Scene) -> Iterator[Finding]:
    for death in scene.deaths:
        if death.disagreement is not Disagreement.NONE and death.container.id:
            said = death.runtime_says
            kernel = _KERNEL.get(death.disagreement, f"the verdict is {death.verdict.value}")
            yield Finding(
                type=RUNTIME_DISAGREES.name,
                entity=entity(death.container),
                reason=_REASONS[death.disagreement],
                message=f"the runtime says {said}; {kernel}",
                evidence=(
                    Evidence(what="the runtime says", value=said, source="cri"),
                    Evidence(
                        what="verdict",
                        value=death.verdict.value,
                        source=", ".join(death.witnesses) or "the ledger",
                    ),
                ),
                at_boottime_ns=death.boottime_ns,
            )
    found = latest(scene, _wrong)
    asked = ((incident, container, 0) for incident, container in found)
    yield from scene.memo.findings(RUNTIME_DISAGREES, _finding, asked)


def _finding(incident: OOMIncident, container: Container, _: int) -> Finding:
    killed = f"the kernel killed {victims(incident)} {limit(incident)}"
    return Finding(
        type=RUNTIME_DISAGREES.name,
        entity=entity(container),
        reason=_REASONS[incident.disagreement],
        message=f"the runtime says {incident.runtime_says}; "
        + _KERNEL.get(incident.disagreement, killed),
        evidence=evidence(incident),
        at_boottime_ns=incident.boottime_ns,
    )


def _wrong(incident: OOMIncident) -> bool:
    return incident.disagreement is not Disagreement.NONE


DETECTOR = Detector(condition=RUNTIME_DISAGREES, detect=_detect)
