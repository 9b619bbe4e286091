"""What a restart goes on from survives as bytes, and no bytes do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.ledger.checkpoint import VERSION, Checkpoint
from agent.model.absence import ParseError

POINT = Checkpoint(
    boot_id="721f0f5e",
    forged_sequence=-1,
    kmsg_sequence=404,
    first_count=7,
    first_run_ns=5,
    explained_early=1,
    victims=3,
    repeats=1,
    unplaced=0,
    unattributed=2,
    before_start=2,
    drill_victims=0,
    disbelieved=4,
    booked={"/kubepods": 3, '/kubepods/"\\x0a': 1},
)
FIELDS = json.loads(POINT.encode())

COUNTS = st.integers(-1, 1 << 70)
POINTS = st.builds(
    Checkpoint,
    boot_id=st.text(),
    kmsg_sequence=COUNTS,
    first_count=st.none() | COUNTS,
    first_run_ns=st.none() | COUNTS,
    explained_early=COUNTS,
    victims=COUNTS,
    repeats=COUNTS,
    unplaced=COUNTS,
    unattributed=COUNTS,
    before_start=COUNTS,
    drill_victims=COUNTS,
    disbelieved=COUNTS,
    booked=st.dictionaries(st.text(), COUNTS),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(POINTS)
def test_round_trip(point: Checkpoint) -> None:
    """What is written is read back, whatever the numbers and paths."""
    assert Checkpoint.decode(point.encode()) == point


@pytest.mark.parametrize(
    "change",
    [
        {"version": VERSION + 1},
        {"version": True},
        {"victims": None},
        {"victims": "3"},
        {"victims": 3.0},
        {"victims": True},
        {"first_count": "7"},
        {"first_count": [7]},
        {"first_run_ns": 0.5},
        {"boot_id": 7},
        {"boot_id": None},
        {"booked": None},
        {"booked": [1]},
        {"booked": {"/kubepods": None}},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_unsound_fields(change: dict[str, object]) -> None:
    """A field of another type, another field or version: refused as a whole."""
    with pytest.raises(ParseError):
        Checkpoint.decode(json.dumps(FIELDS | change).encode())


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_missing_field(name: str) -> None:
    """Nothing defaults to zero."""
    with pytest.raises(ParseError):
        Checkpoint.decode(json.dumps({k: v for k, v in FIELDS.items() if k != name}).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 9999, POINT.encode()[:-1]],
)
def test_other_bytes(data: bytes) -> None:
    """What is no JSON object is refused, however deep or long it is."""
    with pytest.raises(ParseError):
        Checkpoint.decode(data)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """A damaged journal begins the books anew; it does not stop the agent."""
    with pytest.raises(ParseError):
        Checkpoint.decode(data)


@given(st.sampled_from(sorted(FIELDS)), JSON)
def test_no_field_raises_anything_else(name: str, value: object) -> None:
    """The same with one field replaced: refused, or a checkpoint that can be written again."""
    try:
        point = Checkpoint.decode(json.dumps(FIELDS | {name: value}).encode())
    except ParseError:
        return
    assert Checkpoint.decode(replace(point).encode()) == point
