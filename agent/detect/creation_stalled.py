"""CreationStalled: a pod's sandbox or a container of it is being made, and does not get done."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.catalogue.runtime import CREATION_STALLED
from agent.model.condition import Entity, EntityKind, Evidence, Finding
from agent.model.creation import Creation, CreationStep
from agent.model.runtime import RuntimeReport

_REASONS = {
    CreationStep.PENDING: "NotBegun",
    CreationStep.NETWORK: "Network",
    CreationStep.SANDBOX: "Sandbox",
    CreationStep.CREATED: "NotStarted",
    CreationStep.INIT: "Init",
}
"""Who only waits for images is not told: ImagePullStalled says what holds those up."""


def _detect(scene: Scene) -> Iterator[Finding]:
    """Of each pod the oldest."""
    report = scene.runtime
    if report is None:
        return
    told: set[str] = set()
    for creation in report.creations:
        key = creation.names.pod_uid or creation.names.id
        stalled = report.stalled(creation) and creation.step in _REASONS
        if stalled and key not in told:
            told.add(key)
            yield Finding(
                type=CREATION_STALLED.name,
                entity=Entity(kind=EntityKind.POD, id=key, names=creation.names),
                reason=_REASONS[creation.step],
                message=_message(report, creation),
                evidence=tuple(_evidence(report, creation)),
            )


def _message(report: RuntimeReport, creation: Creation) -> str:
    whole = seconds(creation.begun_boottime_ns, report.boottime_ns)
    name = creation.names.name
    what = (
        "it has had no sandbox" if creation.sandbox else f"container {name or '?'} is not started"
    )
    return f"{what} for {whole}: {_step(report, creation)}"


def _step(report: RuntimeReport, creation: Creation) -> str:
    """ "bridge[5130] has worked on its network for 34 s (state S in do_wait)"."""
    since = seconds(creation.since_boottime_ns, report.boottime_ns)
    who = f"{creation.comm}[{creation.pid}]"
    match creation.step:
        case CreationStep.PENDING:
            return "its cgroup is there, and nobody works on it"
        case CreationStep.NETWORK:
            return f"{who} has worked on its network for {since}{_where(creation)}"
        case CreationStep.SANDBOX:
            return f"{who} has been there for {since}, and no sandbox runs{_where(creation)}"
        case CreationStep.IMAGE:
            return "it has a sandbox, and no container was made"
        case CreationStep.CREATED:
            return "the runtime has made it, and nobody has begun to start it"
        case CreationStep.INIT:
            return f"{who} has waited for {since} to become its program{_where(creation)}"


def _where(creation: Creation) -> str:
    if not creation.state:
        return ""
    at = f" in {creation.wchan}" if creation.wchan else ""
    return f" (state {creation.state}{at})"


def _evidence(report: RuntimeReport, creation: Creation) -> Iterator[Evidence]:
    passed = seconds(creation.since_boottime_ns, report.boottime_ns)
    yield Evidence(
        what="step", value=f"{creation.step.value} for {passed}", source=_SOURCES[creation.step]
    )
    if creation.pid is not None:
        at = f"/proc/{creation.pid}"
        value = f"{creation.comm}[{creation.pid}] state {creation.state or '?'}"
        yield Evidence(what="process", value=value, source=f"{at}/stat")
        if creation.wchan:
            yield Evidence(what="wchan", value=creation.wchan, source=f"{at}/wchan")


_SOURCES = {
    CreationStep.PENDING: "the pod's cgroup",
    CreationStep.NETWORK: "executions of CNI plugins",
    CreationStep.SANDBOX: "processes and cgroups",
    CreationStep.IMAGE: "the pod's cgroup",
    CreationStep.CREATED: "ListContainers",
    CreationStep.INIT: "processes and cgroups",
}

DETECTOR = Detector(condition=CREATION_STALLED, detect=_detect)
