"""agent.parse.vmstat"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.vmstat import parse_oom_kill


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        (b"nr_free_pages 131476\noom_kill 3\nnuma_hit 1043263\n", 3),
        (b"oom_kill 0\n", 0),
        (b"pgmajfault 2\noom_kill 18446744073709551615", 2**64 - 1),
        (b"drop_slab 1\nxoom_kill 9\noom_kill 4\n", 4),
    ],
)
def test_count(text: bytes, kills: int) -> None:
    """The count is found wherever the line stands."""
    assert parse_oom_kill(text) == kills


@pytest.mark.parametrize(
    "text", [b"", b"nr_free_pages 1\n", b"oom_kill\n", b"oom_kill x\n", b"a 1\noom_kill 1 2\n"]
)
def test_no_count(text: bytes) -> None:
    """A kernel that does not count, or a line of another form, is never zero kills."""
    with pytest.raises(ParseError):
        parse_oom_kill(text)
