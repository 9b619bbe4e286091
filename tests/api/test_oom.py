from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from google.protobuf.descriptor import EnumDescriptor
from hypothesis import given
from msgspec.structs import replace

from agent.api import exits, oom
from agent.api.status import SOURCE_STATE
from agent.api.v1 import exits_pb2, oom_pb2, status_pb2
from agent.api.wire import CodecError, EnumTable
from agent.model.exits import StopReason, Verdict
from agent.model.oom import (
    Attribution,
    Confidence,
    Disagreement,
    ExitTeller,
    LimitLevel,
    OOMBooks,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
    Witness,
)
from agent.model.source import SourceState
from tests.api import strategies

INCIDENT = OOMIncident(
    id="b00t/k7", boot_id="b00t", revision=1, boottime_ns=5, wall_ns=6, victims=(Victim(),)
)
ENUMS = oom_pb2.DESCRIPTOR.enum_types_by_name
TABLES = [
    (oom.WITNESS, Witness, ENUMS["Witness"]),
    (oom.ATTRIBUTION, Attribution, ENUMS["Attribution"]),
    (oom.CONFIDENCE, Confidence, ENUMS["Confidence"]),
    (oom.LIMIT_LEVEL, LimitLevel, ENUMS["LimitLevel"]),
    (oom.OUTCOME, Outcome, ENUMS["Outcome"]),
    (oom.TRUTH, Truth, ENUMS["Truth"]),
    (oom.DISAGREEMENT, Disagreement, ENUMS["Disagreement"]),
    (oom.EXIT_TELLER, ExitTeller, ENUMS["ExitTeller"]),
    (exits.VERDICT, Verdict, exits_pb2.DESCRIPTOR.enum_types_by_name["Verdict"]),
    (exits.STOP_REASON, StopReason, exits_pb2.DESCRIPTOR.enum_types_by_name["StopReason"]),
    (SOURCE_STATE, SourceState, status_pb2.Source.DESCRIPTOR.enum_types_by_name["State"]),
]


@pytest.mark.parametrize(
    ("table", "model", "wire"), TABLES, ids=[row[1].__name__ for row in TABLES]
)
def test_table(table: EnumTable[Any, Any], model: type[Enum], wire: EnumDescriptor) -> None:
    """Each member of the model has a number of its own, and only "unspecified" may have none."""
    assert set(table.pairs) == set(model)
    numbers = set(table.pairs.values())
    assert len(numbers) == len(table.pairs)
    assert {value.number for value in wire.values} - numbers <= {0}


@given(strategies.incidents())
def test_incident_round_trip(incident: OOMIncident) -> None:
    """An incident comes back from its bytes unchanged, with every absence kept."""
    wire = oom_pb2.OOMIncident.FromString(oom.incident_to_wire(incident).SerializeToString())
    assert oom.incident_to_model(wire) == incident


@given(strategies.books)
def test_books_round_trip(books: OOMBooks) -> None:
    """The books come back from their bytes unchanged; an unknown count stays unknown."""
    wire = oom_pb2.OOMBooks.FromString(oom.books_to_wire(books).SerializeToString())
    assert wire.balanced == books.balanced
    assert oom.books_to_model(wire) == books


def test_absent_is_not_zero() -> None:
    """A field that no witness told is not on the wire, and a zero that one told is."""
    absent = oom.victim_to_wire(Victim())
    told = oom.victim_to_wire(Victim(pid=0, uid=0, anon_rss_bytes=0))
    for name in ("pid", "uid", "anon_rss_bytes"):
        assert not absent.HasField(name)
        assert told.HasField(name)


def test_numbers_of_a_newer_version() -> None:
    """A number that no table has is read as the member that claims the least."""
    wire = oom_pb2.OOMIncident(
        id="b00t/k7", limit_level=99, outcome=99, hidden=99, confidence=99,  # type: ignore[arg-type]
        victims=[oom_pb2.Victim(container_init=99, attribution=99, witnesses=[2, 99])],  # type: ignore[arg-type, list-item]
    )  # fmt: skip
    incident = oom.incident_to_model(oom_pb2.OOMIncident.FromString(wire.SerializeToString()))
    assert incident.limit_level is LimitLevel.UNKNOWN
    assert incident.outcome is Outcome.UNKNOWN
    assert incident.hidden is Truth.UNKNOWN
    assert incident.confidence is Confidence.LOW
    assert incident.victims[0].container_init is Truth.UNKNOWN
    assert incident.victims[0].attribution is Attribution.NONE
    assert incident.victims[0].witnesses == (Witness.MEMORY_EVENTS,)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\udcff", r"a\xff"),  # a byte of a file name that is not UTF-8
        ("\ud800b", r"\xed\xa0\x80b"),  # a surrogate that no decoder makes
        ("naïve\n", "naïve\n"),
    ],
)
def test_hostile_names(name: str, written: str) -> None:
    """A name that is not UTF-8 is published with its bytes written out, not refused."""
    wire = oom.victim_to_wire(Victim(comm=name))
    assert wire.comm == written


@pytest.mark.parametrize(
    "change",
    [{"id": "other/k7"}, {"boot_id": "b00t/k7"}, {"revision": -1}, {"limit_bytes": 2**64}],
)
def test_incident_that_has_no_wire_form(change: dict[str, Any]) -> None:
    """An id of another boot, or a number out of range, is one clear error."""
    with pytest.raises(CodecError, match="incident"):
        oom.incident_to_wire(replace(INCIDENT, **change))


def test_incident_without_boot() -> None:
    """An id that does not name its boot is refused on reading."""
    with pytest.raises(CodecError, match="does not name its boot"):
        oom.incident_to_model(oom_pb2.OOMIncident(id="k7"))


def test_table_without_a_foreign_member() -> None:
    """Where no member stands for the unknown, an unknown number is an error."""
    with pytest.raises(CodecError, match="number 99"):
        SOURCE_STATE.to_model(99)
