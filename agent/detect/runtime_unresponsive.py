"""RuntimeUnresponsive: a rung of the container runtime's ladder does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.daemons import brief, evidence
from agent.detect.detector import Detector
from agent.detect.oom import size
from agent.detect.scene import Scene
from agent.model.catalogue.runtime import RUNTIME_UNRESPONSIVE
from agent.model.condition import NODE, Evidence, Finding
from agent.model.runtime import STOPPED, Rung, RungState, RuntimeReport, Step


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.runtime
    if report is None or report.absent:
        return
    step = report.failing
    stopped = report.process is not None and report.process.state in STOPPED
    if step is None and not stopped:
        return
    yield Finding(
        type=RUNTIME_UNRESPONSIVE.name,
        entity=NODE,
        reason=_reason(report, step),
        message=_message(report, step),
        evidence=tuple(_evidence(report)),
    )


def _reason(report: RuntimeReport, step: Step | None) -> str:
    """What is behind it, as far as the kernel tells, else the rung."""
    process = report.process
    if process is not None and process.state in STOPPED:
        return "Stopped"
    if process is None and report.former is not None:
        return "OOMKilled" if report.former.oom_killed else "Dead"
    if process is not None and process.blocked:
        return "Blocked"
    assert step is not None
    match step.rung:
        case Rung.SOCKET:
            return "NoSocket"
        case Rung.CONNECT:
            return "NoConnection"
        case Rung.VERSION:
            return "VersionFails"
        case Rung.STATUS:
            return "StatusFails"
        case Rung.LIST:
            return "ListFails"


def _message(report: RuntimeReport, step: Step | None) -> str:
    told = []
    if step is not None:
        told.append(f"{_name(report)} {_failure(step)}")
    queues = report.queues
    if queues is not None and queues.pending:
        wait = f"{_count(queues.pending)} wait{'s' if queues.pending == 1 else ''}"
        told.append(f"{wait} in its backlog of {queues.backlog}")
    if queues is not None and queues.unread_bytes:
        unread = queues.unread_bytes
        held = size(unread) if unread >= 1 << 10 else f"{unread} bytes"
        told.append(f"it has not read {held} on {_count(queues.unread_connections)}")
    unknown = "no process of it is known"
    told.append(brief(report.process, report.former, report.boottime_ns, unknown=unknown))
    return "; ".join(words for words in told if words)


def told(report: RuntimeReport) -> str:
    """What ails it, in words; for others who look at it."""
    return _message(report, report.failing)


def _count(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


def _name(report: RuntimeReport) -> str:
    if report.name:
        return report.name
    return report.process.comm if report.process is not None else "the container runtime"


def _failure(step: Step) -> str:
    """ "accepts connections and answers nothing: Version, asked 12 s ago, may take 3 s"."""
    waited = "" if step.seconds is None else f"{step.seconds:.0f} s"
    match step.rung, step.state:
        case Rung.SOCKET, _:
            return f"cannot be reached: {step.detail}"
        case Rung.CONNECT, _:
            return f"takes no connections: {step.detail or f'nothing for {waited}'}"
        case Rung.VERSION, RungState.SILENT:
            begun = "accepts connections and answers nothing"
            return f"{begun}: Version has waited for {waited}, and may take {_deadline(step)}"
        case rung, RungState.SILENT:
            begun = f"answers up to {_before(rung)} and hangs"
            return f"{begun}: {rung.call} has waited for {waited}, and may take {_deadline(step)}"
        case rung, _:
            return f"answers {rung.call} with an error: {step.detail}"


def _before(rung: Rung) -> str:
    return (Rung.VERSION if rung is Rung.STATUS else Rung.STATUS).call


def _deadline(step: Step) -> str:
    return f"{step.deadline_seconds:g} s"


def _evidence(report: RuntimeReport) -> Iterator[Evidence]:
    for step in report.steps:
        value = step.state.value
        if step.seconds is not None:
            value += f", {step.seconds:.3f} s"
        if step.detail:
            value += f": {step.detail}"
        yield Evidence(what=step.rung.call, value=value, source=report.socket)
    queues = report.queues
    if queues is not None:
        yield Evidence(
            what="backlog", value=f"{queues.pending} of {queues.backlog}", source="sock_diag"
        )
        unread = f"{queues.unread_bytes} bytes on {queues.unread_connections}"
        value = f"{unread} of {queues.connections} connections"
        yield Evidence(what="unread", value=value, source="sock_diag")
    elif report.queues_absent:
        yield Evidence(what="backlog", value=report.queues_absent, source="sock_diag")
    yield from evidence(report.process, report.former)


DETECTOR = Detector(condition=RUNTIME_UNRESPONSIVE, detect=_detect)
