"""agent.parse.memory_events"""

from __future__ import annotations

import itertools

import pytest

from agent.model.absence import ParseError
from agent.model.cgroup import MemoryEvents
from agent.parse.memory_events import parse_memory_events

CONTAINER = b"low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n"


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (CONTAINER, MemoryEvents(low=0, high=0, max=35, oom=1, oom_kill=1, oom_group_kill=0)),
        (
            b"low 0\nhigh 0\nmax 0\noom 7044\noom_kill 3\n",  # before Linux 5.17
            MemoryEvents(low=0, high=0, max=0, oom=7044, oom_kill=3, oom_group_kill=None),
        ),
        (
            CONTAINER + b"sock_throttled 5\n",
            MemoryEvents(low=0, high=0, max=35, oom=1, oom_kill=1, oom_group_kill=0),
        ),
        (b"oom 1\noom_kill 2\nmeow 1 2 3\n", MemoryEvents(oom=1, oom_kill=2)),
    ],
)
def test_counters(text: bytes, events: MemoryEvents) -> None:
    """Known counters are read, unknown lines skipped, and what this kernel lacks is None."""
    assert parse_memory_events(text) == events


def test_order_does_not_matter() -> None:
    """Another order of the lines, which takes the slower way, gives the same."""
    lines = CONTAINER.splitlines(keepends=True)
    expected = parse_memory_events(CONTAINER)
    for order in itertools.permutations(lines):
        assert parse_memory_events(b"".join(order)) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"low 0\nhigh 0\nmax 0\noom 1\n",
        b"oom_kill 1\n",
        b"oom 1\noom_kill max\n",
        b"oom 1\noom_kill 1\noom_group_kill\n",
        b"oom 1\noom_kill -1\n",
        b"low x\noom 1\noom_kill 1\n",
        b"low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0 0\n",
    ],
)
def test_refused(text: bytes) -> None:
    """A missing or malformed counter is never zero."""
    with pytest.raises(ParseError):
        parse_memory_events(text)
