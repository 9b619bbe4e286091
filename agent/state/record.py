"""One event as the journal takes it: the columns that people query, and the serialized event."""

from __future__ import annotations

from typing import NamedTuple

from agent.api.codec import event_to_wire, kind_name
from agent.api.wire import text
from agent.model.event import (
    ConditionChanged,
    Event,
    ExitAmended,
    ExitRecorded,
    OOMAmended,
    OOMRecorded,
    RuntimeDisagreement,
)
from agent.model.oom import Container


class Record(NamedTuple):
    """A row of the table `events`; empty strings where the event is about no container."""

    stream_id: str
    sequence: int
    boot_id: str
    boottime_ns: int
    wall_ns: int
    kind: str  # name of the field in event.proto's oneof
    namespace: str
    pod_uid: str
    container: str
    cgroup: str  # of the first victim
    payload: bytes  # a serialized agent.api.v1.Event


def record_of(event: Event) -> Record:
    """Encode an event once, for the journal and for all subscribers; `CodecError` as the codec."""
    container: Container | None = None
    cgroup = ""
    match event.kind:
        case OOMRecorded(incident=incident) | OOMAmended(incident=incident):
            container = incident.container
            if incident.victims:
                cgroup = text(incident.victims[0].cgroup)
        case RuntimeDisagreement(container=container):
            pass
        case ExitRecorded(death=death) | ExitAmended(death=death):
            container = death.container
        case ConditionChanged(condition=condition):
            container = condition.entity.names
        case _:
            pass
    who = Container() if container is None else container
    return Record(
        event.stream_id,
        event.sequence,
        event.boot_id,
        event.boottime_ns,
        event.wall_ns,
        kind_name(event.kind),
        text(who.namespace),
        text(who.pod_uid),
        text(who.name),
        cgroup,
        event_to_wire(event).SerializeToString(),
    )
