"""The codec of events: agent.model.event and event.proto. Incidents and books: agent.api.oom,
deaths: agent.api.exits.

An event kind that this version does not know, as a newer one may have written it, has no model: it
raises `CodecError`. On the wire such an event stays whole, so it can still be passed on.
"""

from __future__ import annotations

from agent.api.condition import change_to_model, change_to_wire
from agent.api.exits import death_to_model, death_to_wire
from agent.api.oom import (
    DISAGREEMENT,
    container_to_model,
    container_to_wire,
    incident_to_model,
    incident_to_wire,
)
from agent.api.pressure import episode_to_model, episode_to_wire
from agent.api.v1 import event_pb2 as pb
from agent.api.wire import CodecError, coding, from_timestamp, text, timestamp
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

__all__ = ["CodecError", "event_from_bytes", "event_to_model", "event_to_wire", "kind_name"]


def kind_name(kind: EventKind) -> str:
    """The name of the field of event.proto's oneof that holds this kind."""
    match kind:
        case OOMRecorded():
            return "oom_recorded"
        case OOMAmended():
            return "oom_amended"
        case RuntimeDisagreement():
            return "runtime_disagreement"
        case SourceGap():
            return "source_gap"
        case SourceChange():
            return "source_change"
        case JournalChange():
            return "journal_change"
        case AgentStarted():
            return "agent_started"
        case ConditionChanged():
            return "condition_changed"
        case PressureCrossed():
            return "pressure_crossed"
        case ExitRecorded():
            return "exit_recorded"
        case ExitAmended():
            return "exit_amended"


def event_to_wire(event: Event) -> pb.Event:
    """A message of the caller's own. `CodecError` if a number is out of its field's range."""
    with coding(f"event {event.sequence}"):
        wire = pb.Event(
            stream_id=event.stream_id,
            sequence=event.sequence,
            boot_id=event.boot_id,
            boottime_ns=event.boottime_ns,
            time=timestamp(event.wall_ns),
        )
        _set_kind(wire, event.kind)
        return wire


def _set_kind(wire: pb.Event, kind: EventKind) -> None:
    match kind:
        case OOMRecorded():
            wire.oom_recorded.CopyFrom(incident_to_wire(kind.incident))
        case OOMAmended():
            wire.oom_amended.CopyFrom(incident_to_wire(kind.incident))
        case RuntimeDisagreement():
            contradiction = pb.RuntimeDisagreement(
                container=container_to_wire(kind.container),
                kind=DISAGREEMENT.to_wire(kind.kind),
                runtime_says=text(kind.runtime_says),
                kernel_says=text(kind.kernel_says),
                incident_ids=kind.incident_ids,
            )
            wire.runtime_disagreement.CopyFrom(contradiction)
        case SourceGap():
            gap = pb.SourceGap(source=kind.source, lost=kind.lost, detail=text(kind.detail))
            wire.source_gap.CopyFrom(gap)
        case SourceChange():
            change = pb.SourceChange(source=kind.source, up=kind.up, detail=text(kind.detail))
            wire.source_change.CopyFrom(change)
        case JournalChange():
            journal = pb.JournalChange(state=kind.state, detail=text(kind.detail))
            wire.journal_change.CopyFrom(journal)
        case AgentStarted():
            wire.agent_started.CopyFrom(pb.AgentStarted(version=kind.version, pid=kind.pid))
        case ConditionChanged():
            wire.condition_changed.CopyFrom(change_to_wire(kind))
        case PressureCrossed():
            wire.pressure_crossed.CopyFrom(episode_to_wire(kind.episode))
        case ExitRecorded():
            wire.exit_recorded.CopyFrom(death_to_wire(kind.death))
        case ExitAmended():
            wire.exit_amended.CopyFrom(death_to_wire(kind.death))


def event_to_model(wire: pb.Event) -> Event:
    """The inverse of `event_to_wire`; `CodecError` if its kind is unknown."""
    return Event(
        stream_id=wire.stream_id,
        sequence=wire.sequence,
        boot_id=wire.boot_id,
        boottime_ns=wire.boottime_ns,
        wall_ns=from_timestamp(wire.time),
        kind=_kind(wire),
    )


def _kind(wire: pb.Event) -> EventKind:
    match wire.WhichOneof("kind"):
        case "oom_recorded":
            return OOMRecorded(incident=incident_to_model(wire.oom_recorded))
        case "oom_amended":
            return OOMAmended(incident=incident_to_model(wire.oom_amended))
        case "runtime_disagreement":
            said = wire.runtime_disagreement
            return RuntimeDisagreement(
                container=container_to_model(said.container),
                kind=DISAGREEMENT.to_model(said.kind),
                runtime_says=said.runtime_says,
                kernel_says=said.kernel_says,
                incident_ids=tuple(said.incident_ids),
            )
        case "source_gap":
            gap = wire.source_gap
            lost = gap.lost if gap.HasField("lost") else None
            return SourceGap(source=gap.source, lost=lost, detail=gap.detail)
        case "source_change":
            change = wire.source_change
            return SourceChange(source=change.source, up=change.up, detail=change.detail)
        case "journal_change":
            journal = wire.journal_change
            return JournalChange(state=journal.state, detail=journal.detail)
        case "agent_started":
            return AgentStarted(version=wire.agent_started.version, pid=wire.agent_started.pid)
        case "condition_changed":
            return change_to_model(wire.condition_changed)
        case "pressure_crossed":
            return PressureCrossed(episode=episode_to_model(wire.pressure_crossed))
        case "exit_recorded":
            return ExitRecorded(death=death_to_model(wire.exit_recorded))
        case "exit_amended":
            return ExitAmended(death=death_to_model(wire.exit_amended))
        case _:
            raise CodecError(f"event {wire.sequence} is of a kind that this version does not know")


def event_from_bytes(payload: bytes) -> pb.Event:
    """Parse a serialized `agent.api.v1.Event`; `CodecError` if it is none."""
    with coding("an event"):
        return pb.Event.FromString(payload)
