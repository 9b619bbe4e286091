"""agent.parse.memory_limit"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.cgroup import Limit
from agent.parse.memory_limit import parse_limit_in_bytes, parse_memory_max


@pytest.mark.parametrize(
    ("text", "limit"),
    [(b"max\n", Limit.UNLIMITED), (b"33554432\n", 33554432), (b"0\n", 0), (b"4096", 4096)],
)
def test_memory_max(text: bytes, limit: int | Limit) -> None:
    """v2 has a word for no limit."""
    assert parse_memory_max(text) == limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (b"33554432\n", 33554432),
        (b"9223372036854771712\n", Limit.UNLIMITED),  # pages of 4 KiB
        (b"9223372036854759424\n", Limit.UNLIMITED),  # 16 KiB
        (b"9223372036854710272\n", Limit.UNLIMITED),  # 64 KiB
        (b"9223372036854644736\n", 9223372036854644736),
    ],
)
def test_limit_in_bytes(text: bytes, limit: int | Limit) -> None:
    """v1 prints the largest number of pages, in bytes, for no limit."""
    assert parse_limit_in_bytes(text) == limit


@pytest.mark.parametrize("text", [b"", b"\n", b"Max\n", b"max max\n", b"-1\n", b"1\n2\n"])
def test_refused(text: bytes) -> None:
    """Anything else is neither a limit nor its absence."""
    with pytest.raises(ParseError):
        parse_memory_max(text)
    with pytest.raises(ParseError):
        parse_limit_in_bytes(text)
