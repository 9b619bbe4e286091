"""agent.parse.cgroup_events"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.cgroup_events import CgroupEvents, parse_cgroup_events


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"populated 1\nfrozen 0\n", CgroupEvents(populated=True, frozen=False)),
        (b"populated 0\nfrozen 1\nlater x\n", CgroupEvents(populated=False, frozen=True)),
        (b"populated 0\n", CgroupEvents(populated=False, frozen=None)),  # before Linux 5.2
    ],
)
def test_flags(text: bytes, events: CgroupEvents) -> None:
    """Both flags, and None for the one that an old kernel lacks."""
    assert parse_cgroup_events(text) == events


@pytest.mark.parametrize("text", [b"", b"frozen 0\n", b"populated 2\n", b"populated\n"])
def test_refused(text: bytes) -> None:
    """A missing flag never reads as empty."""
    with pytest.raises(ParseError):
        parse_cgroup_events(text)
