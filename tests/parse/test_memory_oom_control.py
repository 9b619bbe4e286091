"""agent.parse.memory_oom_control"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.memory_oom_control import parse_oom_kill


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        (b"oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1),
        (b"oom_kill_disable 1\nunder_oom 1\n", None),  # before Linux 4.13
    ],
)
def test_count(text: bytes, kills: int | None) -> None:
    """The count, and None where the kernel has none."""
    assert parse_oom_kill(text) == kills


@pytest.mark.parametrize("text", [b"", b"oom_kill 1\n", b"under_oom 0\noom_kill x\n"])
def test_refused(text: bytes) -> None:
    """Another file, or a malformed count."""
    with pytest.raises(ParseError):
        parse_oom_kill(text)
