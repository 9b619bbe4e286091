"""`nodectl cpu`."""

from __future__ import annotations

import json

from agent.api.v1 import cpu_pb2, node_agent_pb2
from agent.nodectl.exits import Exit
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_report(agent: FakeAgent, run: Run) -> None:
    """It is no finding: conditions are."""
    result = run("cpu")
    assert result.exit_code == Exit.OK
    assert "steal 30.0%" in result.output
    assert "448.5 tasks are runnable, 7.01 for each CPU; 512 at most" in result.output
    assert agent.requests == [node_agent_pb2.GetCPURequest()]


def test_unknown(agent: FakeAgent, run: Run) -> None:
    """What is not known is not shown."""
    agent.cpu = node_agent_pb2.GetCPUResponse(cpu=cpu_pb2.CPUReport())
    output = run("cpu").output
    assert "time     not known yet" in output
    assert not any(word in output for word in ("load", "pressure", "softirq"))


def test_json(agent: FakeAgent, run: Run) -> None:
    """As the API has it."""
    assert json.loads(run("cpu", "-o", "json").output)["cpu"]["cpus"] == 64
