from __future__ import annotations

import pytest
from hypothesis import given

from agent.api.codec import (
    CodecError,
    event_from_bytes,
    event_to_model,
    event_to_wire,
    kind_name,
)
from agent.api.v1 import event_pb2
from agent.model.event import AgentStarted, Event, EventKind
from tests.api import strategies


@given(strategies.events)
def test_event_round_trip(event: Event) -> None:
    """An event comes back from its bytes unchanged, whatever its kind."""
    assert event_to_model(event_from_bytes(event_to_wire(event).SerializeToString())) == event


@given(strategies.kinds)
def test_kind_name(kind: EventKind) -> None:
    """A kind is called as the field of the oneof that it is written to."""
    event = Event(stream_id="s", sequence=1, boot_id="b", boottime_ns=1, wall_ns=1, kind=kind)
    assert event_to_wire(event).WhichOneof("kind") == kind_name(kind)


def test_every_kind_of_the_wire_is_known() -> None:
    """A kind that is added to event.proto and not to the codec fails here."""
    oneof = event_pb2.Event.DESCRIPTOR.oneofs_by_name["kind"]
    for field in oneof.fields:
        wire = event_pb2.Event(sequence=1)
        getattr(wire, field.name).SetInParent()
        if field.name.startswith(("oom_", "exit_")):
            getattr(wire, field.name).id = "boot/k1"
        if field.name == "pressure_crossed":
            wire.pressure_crossed.scope, wire.pressure_crossed.resource = "node", "io"
        assert kind_name(event_to_model(wire).kind) == field.name


def test_kind_of_a_newer_version() -> None:
    """An event of an unknown kind has no model, and is still whole on the wire."""
    unknown_field = b"\xa2\x06\x03abc"  # number 100, three bytes
    payload = event_pb2.Event(stream_id="s", sequence=9).SerializeToString() + unknown_field
    wire = event_from_bytes(payload)
    with pytest.raises(CodecError, match="event 9 is of a kind"):
        event_to_model(wire)
    assert unknown_field in wire.SerializeToString()


def test_pressure_of_a_newer_version() -> None:
    """A resource that this version does not know is no other one."""
    wire = event_pb2.Event(sequence=1)
    wire.pressure_crossed.scope, wire.pressure_crossed.resource = "node", "irq"
    with pytest.raises(CodecError, match="'irq'"):
        event_to_model(wire)


def test_bytes_that_are_no_event() -> None:
    """Garbage is one clear error."""
    with pytest.raises(CodecError, match="an event"):
        event_from_bytes(b"\xff\xff\xff")


def test_event_out_of_range() -> None:
    """A number that its field cannot hold is one clear error, which names the event."""
    kind = AgentStarted(version="1", pid=2**31)
    event = Event(stream_id="s", sequence=3, boot_id="b", boottime_ns=1, wall_ns=1, kind=kind)
    with pytest.raises(CodecError, match="event 3"):
        event_to_wire(event)
