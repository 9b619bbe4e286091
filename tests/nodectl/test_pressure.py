"""`nodectl pressure`."""

from __future__ import annotations

import json

import yaml

from agent.api.v1 import pressure_pb2
from agent.nodectl.show.pressure import report
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_table(agent: FakeAgent, run: Run) -> None:
    result = run("pressure")
    assert result.exit_code == 0
    assert result.output.splitlines()[1].split()[:3] == ["node", "memory", "18.20"]


def test_wide(agent: FakeAgent, run: Run) -> None:
    """Totals, and how often each trigger has fired."""
    head, first, *_ = run("pressure", "-o", "wide").output.splitlines()
    assert head.endswith("SOME TOTAL  FULL TOTAL  FIRED")
    assert first.split()[-3:] == ["8s", "4s", "7"]


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("pressure", "-o", "json").output)
    assert found["levels"][0]["scope"] == "node"
    assert yaml.safe_load(run("pressure", "-o", "yaml").output) == found


def test_without_psi() -> None:
    """Says why there is nothing."""
    absent = pressure_pb2.PressureReport(absent_reason="boot it with psi=1")
    text = report(absent, examples.MEMORY_NS)
    assert text.startswith("absent   boot it with psi=1")
    assert "No trigger has fired" in text


def test_hostile_names() -> None:
    """No control character of a name or a reason reaches the terminal."""
    pressure = pressure_pb2.PressureReport(
        triggers=[pressure_pb2.PressureTrigger(scope="a\x1b", detail="b\x1b")],
        current=[pressure_pb2.PressureEpisode(scope="c\x1b", resource="d\x1b")],
        thrashing=[pressure_pb2.ReclaimThrash(namespace="e\x1b", pod="f\n", container="g\x07")],
        levels=[pressure_pb2.PressureLevel(scope="h\x1b")],
    )
    text = report(pressure, examples.MEMORY_NS, wide=True)
    assert all(line.isprintable() for line in text.splitlines())
    assert "e\\x1b/f\\x0a g\\x07" in text
