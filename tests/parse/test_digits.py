"""agent.parse.digits"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.digits import keyed_number, number


@pytest.mark.parametrize(
    ("digits", "value"), [(b"0", 0), (b"829", 829), (b"18446744073709551615", 2**64 - 1)]
)
def test_number(digits: bytes, value: int) -> None:
    """Numbers up to 64 bits are read."""
    assert number(digits, "x") == value
    assert keyed_number(b"x " + digits, "x") == value


@pytest.mark.parametrize(
    "digits", [b"", b" 7", b"7 ", b"+7", b"-7", b"1_0", b"0x1", b"\xb2", b"9" * 21, b"9" * 5000]
)
def test_not_a_number(digits: bytes) -> None:
    """What only Python would take for a number is none."""
    with pytest.raises(ParseError):
        number(digits, "x")
    with pytest.raises(ParseError):
        keyed_number(b"x " + digits, "x")
