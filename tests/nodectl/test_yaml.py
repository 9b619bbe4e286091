"""-o yaml: what -o json says, and nothing that a hostile name could add to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.nodectl.exits import Exit
from agent.nodectl.yaml import to_yaml
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent, head, watched

HOSTILE = "a\n---\nb: \x1b[2J\u202e\u2028 #"


@pytest.mark.parametrize("command", [["status"], ["oom"], ["version"]])
def test_says_what_json_says(agent: FakeAgent, run: Run, command: list[str]) -> None:
    """One document, the same values."""
    agent.incidents.incidents[0].container.pod = HOSTILE
    agent.status.status.identity.version = HOSTILE
    result = run(*command, "-o", "yaml")
    assert result.exit_code == Exit.OK
    assert yaml.safe_load(result.stdout) == json.loads(run(*command, "-o", "json").stdout)
    assert all(line.isprintable() and line.isascii() for line in result.stdout.split("\n"))


def test_events_are_documents(agent: FakeAgent, run: Run) -> None:
    """Each event, and each gap, begins with --- and stands alone."""
    events = examples.events()[:5]
    events[3].oom_recorded.victims[0].comm = HOSTILE

    def asked(output: str) -> str:
        agent.head = head(5)
        message = watched(*events)
        message.gap.reason = "expired"
        agent.streams = [[message]]
        return run("events", "-o", output).stdout

    text = asked("yaml")
    assert text.split("\n").count("---") == 6
    assert text.endswith("\n")
    found = list(yaml.safe_load_all(text))
    assert found == [json.loads(line) for line in asked("json").splitlines()]
    assert found[0]["gap"]["reason"] == "expired"
    assert found[4]["oom_recorded"]["victims"][0]["comm"] == HOSTILE


def test_wide_events(agent: FakeAgent, run: Run) -> None:
    """One line each still, with boot, evidence and id."""
    agent.head = head(5)
    events = examples.events()[:5]
    events[3].oom_recorded.victims[0].cgroup = HOSTILE
    agent.streams = [[watched(*events)]]
    lines = run("events", "-o", "wide").stdout.splitlines()
    assert len(lines) == 5
    assert lines[0].endswith(f"[0.001000 s of boot {examples.BOOT}]")
    for word in ("known by proc", "seen by vmstat, memory.events, kmsg", "sure high", "\\x1b[2J"):
        assert word in lines[3]
    assert f"id {examples.BOOT}/k451 revision 2" in lines[4]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value(value: Any) -> None:
    """Whatever a text holds, it is read back as it was, and no line of it is a document's end."""
    text = to_yaml(value, document=True)
    assert list(yaml.safe_load_all(text)) == [value]
    assert all(line.isprintable() and line.isascii() for line in text.split("\n"))
