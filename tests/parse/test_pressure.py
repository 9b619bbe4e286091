from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.usage import Pressure
from agent.parse.pressure import parse_pressure

SOME = b"some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362\n"
FULL = b"full avg10=0.00 avg60=0.13 avg300=0.96 total=8183134\n"


def test_both_lines() -> None:
    assert parse_pressure(SOME + FULL) == Pressure(
        some_us=8537362,
        some_avg10=0.06,
        some_avg60=0.21,
        some_avg300=0.99,
        full_us=8183134,
        full_avg10=0.0,
        full_avg60=0.13,
        full_avg300=0.96,
    )


def test_cpu_before_5_13() -> None:
    """Without a line `full` it is not known, and no zero."""
    found = parse_pressure(SOME)
    assert (found.full_us, found.full_avg10, found.full_avg300) == (None, None, None)


@pytest.mark.parametrize("more", [b"most avg10=x\n", b"none\n", b"\n"])
def test_unknown_lines_are_skipped(more: bytes) -> None:
    assert parse_pressure(more + SOME + FULL) == parse_pressure(SOME + FULL)


def test_unknown_fields_are_skipped() -> None:
    assert parse_pressure(SOME[:-1] + b" avg900=1.00\n") == parse_pressure(SOME)


@pytest.mark.parametrize(
    "data",
    [b"", FULL, b"some avg10=0.06\n", SOME + b"full avg10=0.00 avg60=0.13 total=3\n", b"some x\n"],
)
def test_what_does_not_parse(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_pressure(data)
