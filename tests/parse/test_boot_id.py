"""agent.parse.boot_id"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.boot_id import parse_boot_id


def test_boot_id() -> None:
    """The UUID without its newline."""
    boot_id = "725781ca-40f3-4646-b2ef-bc04b2e016ec"
    assert parse_boot_id(boot_id.encode() + b"\n") == boot_id


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"725781ca\n", b"g25781ca-40f3-4646-b2ef-bc04b2e016ec"]
)
def test_refused(text: bytes) -> None:
    """Anything but a UUID."""
    with pytest.raises(ParseError):
        parse_boot_id(text)
