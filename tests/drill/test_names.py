"""Names of scratch cgroups say who made them."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from msgspec.structs import replace

from agent.drill import names

NOW_NS = 10**18


def test_name_is_what_the_agent_recognises() -> None:
    """The agent marks an incident as a drill by this form alone; no two names are the same."""
    creator = names.Creator.me()
    made = {names.scratch_name(creator) for _ in range(50)}
    assert len(made) > 45
    assert all(re.fullmatch(r"nodewitness-drill-[0-9a-f]{8,}", name) for name in made)


def test_name_tells_its_creator() -> None:
    """What is written into a name is read from it."""
    creator = names.Creator(pid_namespace=0xEFFFFFFC, pid=4711, start_ticks=123456789)
    assert names.creator_of(names.scratch_name(creator)) == creator


@pytest.mark.parametrize(
    "name", ["nodewitness-drill-", "nodewitness-drill-12345678", "kubepods", "x-nodewitness-drill-"]
)
def test_foreign_names_have_no_creator(name: str) -> None:
    """What is not ours is never taken for a leftover."""
    assert names.creator_of(name) is None


def test_creator_that_lives_is_not_gone() -> None:
    """We are alive; our pid with another start is not we; a pid that is free is gone."""
    me = names.Creator.me()
    assert not me.gone(NOW_NS)
    assert replace(me, start_ticks=me.start_ticks + 1).gone(NOW_NS)
    with subprocess.Popen(["true"]) as child:
        pass
    assert replace(me, pid=child.pid).gone(NOW_NS)


def test_creator_in_another_namespace_is_gone_after_an_hour() -> None:
    """It cannot be looked up: only age decides."""
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    other = names.Creator(pid_namespace=1, pid=1, start_ticks=1000)
    hour_ns = 3600 * 1_000_000_000
    assert not other.gone(1000 * tick_ns + hour_ns)
    assert other.gone(1000 * tick_ns + hour_ns + 2_000_000_000)
