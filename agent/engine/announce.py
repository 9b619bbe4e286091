"""What the agent says on its own terminal: what it sees and cannot see, then each event, a line
each.

Names in here come from containers; the parsers have escaped all that could steer a terminal.
"""

from __future__ import annotations

import textwrap
import time

from agent.model.condition import Condition
from agent.model.event import (
    AgentStarted,
    ConditionChanged,
    Event,
    EventKind,
    ExitAmended,
    ExitRecorded,
    JournalChange,
    OOMAmended,
    OOMRecorded,
    PressureCrossed,
    RuntimeDisagreement,
    SourceChange,
    SourceGap,
)
from agent.model.exits import ContainerDeath
from agent.model.oom import Container, Disagreement, LimitLevel, OOMIncident, Outcome, Truth
from agent.model.pressure import Episode
from agent.model.source import SourceState
from agent.model.status import NodeStatus

WIDTH = 110
_UNITS = ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def size(count: int) -> str:
    """Bytes as Kubernetes writes them: 2Gi, 1.9Gi, 512Mi."""
    for unit, suffix in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + suffix
    return str(count)


def opening(status: NodeStatus, *, socket: str, metrics: str, grpc: str = "") -> list[str]:
    """The first lines: who we are, what is seen and what not and why, where to ask."""
    host, identity = status.host, status.identity
    seen = [s.name for s in status.sources if s.state is SourceState.UP]
    lines = [
        (
            f"nodewitness {identity.version} on {identity.node} · kernel {host.kernel_release}"
            f" · cgroup {host.cgroup_mode} · {host.containers} containers in {host.pods} pods"
        ),
        *_listed("  sees     ", seen),
    ]
    for source in status.sources:
        if source.state is not SourceState.UP:
            lines.append(f"  {source.state.value:8} {source.name}: {source.detail}")
            lines.append(f"           without it: {source.tells}")
    lines.append(f"  socket   {socket}   (try: nodectl status)")
    if grpc:
        lines.append(f"  grpc     {grpc}, with mutual TLS")
    lines.append(f"  metrics  {metrics or 'off (serve.metrics_address is empty)'}")
    journal = f"{status.journal.path}: {status.journal.state} {status.journal.detail}"
    lines.append(f"  journal  {journal.rstrip()}")
    return lines


def _listed(head: str, names: list[str]) -> list[str]:
    return textwrap.wrap(
        " · ".join(names) or "nothing",
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
    )


def event_line(event: Event) -> str:
    """One event as one line, the time first."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.wall_ns / 1e9))
    return f"{clock} #{event.sequence} {event_words(event.kind)}"


def event_words(kind: EventKind) -> str:
    """What happened, in a line."""
    match kind:
        case OOMRecorded(incident=incident):
            return incident_words(incident)
        case OOMAmended(incident=incident):
            return f"{incident_words(incident)} (revision {incident.revision})"
        case RuntimeDisagreement(container=container, runtime_says=says, kernel_says=kernel):
            return f"disagreement: {_who(container)}: the runtime says {says}; the kernel {kernel}"
        case SourceGap(source=source, lost=lost, detail=detail):
            count = "records" if lost is None else f"{lost} records"
            return f"gap in {source}: {count} lost; {detail}"
        case SourceChange(source=source, up=up, detail=detail):
            return f"source {source} is {'up' if up else 'not up'}: {detail}".removesuffix(": ")
        case JournalChange(state=state, detail=detail):
            return f"journal is {state}: {detail}".removesuffix(": ")
        case AgentStarted(version=version, pid=pid):
            return f"agent {version} started, pid {pid}"
        case ConditionChanged(condition=condition):
            return condition_words(condition)
        case PressureCrossed(episode=episode):
            return pressure_words(episode)
        case ExitRecorded(death=death):
            return death_words(death)
        case ExitAmended(death=death):
            return f"{death_words(death)} (revision {death.revision})"


def death_words(death: ContainerDeath) -> str:
    """Who ended, why, by whom, and what the runtime says."""
    end = "" if death.exit_code is None else f", exit code {death.exit_code}"
    end = end if death.signal is None else f", signal {death.signal}"
    by = "" if death.sender is None else f" by {death.sender.comm}[{death.sender.pid}]"
    wrong = ", wrongly," if death.disagreement is not Disagreement.NONE else ""
    says = f"; the runtime says{wrong} {death.runtime_says}" if death.runtime_says else ""
    return f"{_who(death.container)} ended: {death.verdict.value}{by}{end}{says}"


def condition_words(condition: Condition) -> str:
    """What has become true, false or unknown, of whom, and why."""
    who = condition.entity.names
    of = f" {_who(who)}" if who is not None else f" {condition.entity.id}".rstrip()
    status = condition.status.value
    return f"{condition.severity.value} {condition.type} is {status}:{of} {condition.message}"


def pressure_words(episode: Episode) -> str:
    """Who waits for what, or for how long it did."""
    what = f"{episode.resource.value} pressure of {episode.scope.value}"
    if not episode.over:
        within = f"{episode.window_stall_us / 1e6:.2f} s of {episode.window_us / 1e6:.2f} s"
        return f"{what}: tasks stalled for {within}, avg10 {episode.avg10:.2f}"
    lasted = (episode.last_boottime_ns - episode.started_boottime_ns) / 1e9
    stalled = f"tasks stalled for {episode.stall_us / 1e6:.2f} s"
    return f"{what} is over after {lasted:.1f} s: {stalled}, avg10 up to {episode.peak_avg10:.2f}"


def incident_words(incident: OOMIncident) -> str:
    """Who was killed, at whose limit, and what became of the container."""
    if incident.unattributed and not incident.victims:
        return f"OOM kill, unattributed: {incident.counted} counted, no evidence names a victim"
    victims = ", ".join(
        f"{v.comm or 'unknown process'}[{'?' if v.pid is None else v.pid}]"
        for v in incident.victims[:4]
    )
    if len(incident.victims) > 4:
        victims += f" and {len(incident.victims) - 4} more"
    container = incident.container
    if container is not None:
        where = _who(container)
    else:
        where = incident.unit or (incident.victims[0].cgroup if incident.victims else "") or "?"
    limit = "at an unknown limit"
    if incident.limit_level is LimitLevel.NODE:
        limit = "for the node was out of memory"
    elif incident.limit_level is not LimitLevel.UNKNOWN:
        amount = "" if incident.limit_bytes is None else f" of {size(incident.limit_bytes)}"
        limit = f"at the {incident.limit_level.value} limit{amount}"
    end = {
        Outcome.OPEN: "",
        Outcome.SURVIVED: "; the container lives on",
        Outcome.DIED: "; the container died",
        Outcome.UNKNOWN: "",
    }[incident.outcome]
    if incident.hidden is Truth.YES:
        end += " (hidden)"
    if incident.runtime_says:
        wrong = ", wrongly," if incident.disagreement is not Disagreement.NONE else ""
        end += f"; the runtime says{wrong} {incident.runtime_says}"
    kind = "drill: OOM kill" if incident.drill else "OOM kill"
    return f"{kind}: {where}: {victims} {limit}{end}"


def _who(container: Container) -> str:
    pod = container.pod or f"pod {container.pod_uid}"
    return f"{container.namespace or '?'}/{pod} {container.name or container.id[:12]}"
