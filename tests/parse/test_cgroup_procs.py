"""agent.parse.cgroup_procs"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.cgroup_procs import parse_procs


@pytest.mark.parametrize(
    ("text", "pids"), [(b"", ()), (b"829\n831\n", (829, 831)), (b"0\n4194304\n", (0, 4194304))]
)
def test_pids(text: bytes, pids: tuple[int, ...]) -> None:
    """A pid a line; 0 stands for a process of another pid namespace."""
    assert parse_procs(text) == pids


@pytest.mark.parametrize("text", [b"1 2\n", b"-1\n", b"1_0\n", b"x\n", b"9" * 11, b"9" * 5000])
def test_refused(text: bytes) -> None:
    """Anything but pids."""
    with pytest.raises(ParseError):
        parse_procs(text)
