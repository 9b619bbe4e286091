"""The codec of conditions: agent.model.condition and condition.proto."""

from __future__ import annotations

from agent.api.oom import container_to_model, container_to_wire
from agent.api.v1 import condition_pb2 as pb
from agent.api.v1 import event_pb2
from agent.api.wire import EnumTable, coding, from_timestamp, text, timestamp
from agent.model.condition import Condition, Entity, EntityKind, Evidence, Severity, Verity
from agent.model.event import ConditionChanged

SEVERITY = EnumTable(
    {
        Severity.CRITICAL: pb.SEVERITY_CRITICAL,
        Severity.WARNING: pb.SEVERITY_WARNING,
        Severity.INFO: pb.SEVERITY_INFO,
    },
    foreign=Severity.INFO,
)
ENTITY_KIND = EnumTable(
    {
        EntityKind.NODE: pb.ENTITY_KIND_NODE,
        EntityKind.POD: pb.ENTITY_KIND_POD,
        EntityKind.CONTAINER: pb.ENTITY_KIND_CONTAINER,
        EntityKind.SERVICE: pb.ENTITY_KIND_SERVICE,
    },
    foreign=EntityKind.SERVICE,  # of something that has an id
)
VERITY = EnumTable(
    {
        Verity.TRUE: pb.CONDITION_STATUS_TRUE,
        Verity.FALSE: pb.CONDITION_STATUS_FALSE,
        Verity.UNKNOWN: pb.CONDITION_STATUS_UNKNOWN,
    },
    foreign=Verity.UNKNOWN,
)


def condition_to_wire(condition: Condition) -> pb.Condition:
    """A message of the caller's own. `CodecError` if a number is out of its field's range."""
    with coding(f"condition {condition.type}"):
        entity, expires = condition.entity, condition.expires_wall_ns
        return pb.Condition(
            type=condition.type,
            entity=pb.Entity(
                kind=ENTITY_KIND.to_wire(entity.kind),
                id=text(entity.id),
                names=None if entity.names is None else container_to_wire(entity.names),
            ),
            status=VERITY.to_wire(condition.status),
            severity=SEVERITY.to_wire(condition.severity),
            since=timestamp(condition.since_wall_ns),
            since_boottime_ns=condition.since_boottime_ns,
            reason=condition.reason,
            message=text(condition.message),
            evidence=[
                pb.Evidence(what=text(e.what), value=text(e.value), source=text(e.source))
                for e in condition.evidence
            ],
            expires=None if expires is None else timestamp(expires),
            expires_boottime_ns=condition.expires_boottime_ns,
            revision=condition.revision,
        )


def condition_to_model(wire: pb.Condition) -> Condition:
    """The inverse."""
    entity = wire.entity
    expires = wire.expires_boottime_ns if wire.HasField("expires_boottime_ns") else None
    return Condition(
        type=wire.type,
        entity=Entity(
            kind=ENTITY_KIND.to_model(entity.kind),
            id=entity.id,
            names=container_to_model(entity.names) if entity.HasField("names") else None,
        ),
        status=VERITY.to_model(wire.status),
        severity=SEVERITY.to_model(wire.severity),
        since_wall_ns=from_timestamp(wire.since),
        since_boottime_ns=wire.since_boottime_ns,
        reason=wire.reason,
        message=wire.message,
        evidence=tuple(
            Evidence(what=e.what, value=e.value, source=e.source) for e in wire.evidence
        ),
        expires_wall_ns=from_timestamp(wire.expires) if wire.HasField("expires") else None,
        expires_boottime_ns=expires,
        revision=wire.revision,
    )


def change_to_wire(change: ConditionChanged) -> event_pb2.ConditionChanged:
    """The event's message."""
    previous = change.previous
    return event_pb2.ConditionChanged(
        condition=condition_to_wire(change.condition),
        previous=None if previous is None else VERITY.to_wire(previous),
    )


def change_to_model(wire: event_pb2.ConditionChanged) -> ConditionChanged:
    """The inverse."""
    return ConditionChanged(
        condition=condition_to_model(wire.condition),
        previous=VERITY.known(wire.previous),
    )
