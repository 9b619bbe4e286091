"""agent.parse.cgroup_controllers"""

from __future__ import annotations

import pytest

from agent.parse.cgroup_controllers import parse_controllers


@pytest.mark.parametrize(
    ("text", "controllers"),
    [
        (b"cpuset cpu io memory\n", ("cpuset", "cpu", "io", "memory")),
        (b"\n", ()),
        (b"", ()),
        (b"a\xff\n", (r"a\xff",)),
    ],
)
def test_controllers(text: bytes, controllers: tuple[str, ...]) -> None:
    """The names in their order; a hierarchy may have none."""
    assert parse_controllers(text) == controllers
