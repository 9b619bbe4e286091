"""`nodectl runtime`."""

from __future__ import annotations

import json

from agent.api.v1 import node_agent_pb2
from agent.api.v1 import runtime_pb2 as pb
from agent.nodectl.exits import Exit
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_finding(agent: FakeAgent, run: Run) -> None:
    """A rung that fails, or a process that is stopped, is a finding."""
    result = run("runtime")
    assert result.exit_code == Exit.FINDING
    assert "has not answered Version for 2m11s" in result.output
    assert agent.requests == [node_agent_pb2.GetRuntimeRequest()]
    for step in agent.runtime.runtime.steps:
        step.state = pb.RUNG_STATE_OK
    assert run("runtime").exit_code == Exit.FINDING
    agent.runtime.runtime.process.state = "S"
    result = run("runtime")
    assert result.exit_code == Exit.OK
    assert "answers" in result.output.splitlines()[0]


def test_failed(agent: FakeAgent, run: Run) -> None:
    """The error is told below the ladder."""
    step = agent.runtime.runtime.steps[2]
    step.state, step.detail = pb.RUNG_STATE_FAILED, "answers INTERNAL: no"
    output = run("runtime").output
    assert "fails at Version" in output
    assert "error    Version: answers INTERNAL: no" in output


def test_none(agent: FakeAgent, run: Run) -> None:
    """A node without a runtime is no finding."""
    absent = pb.RuntimeReport(socket="/run/x.sock", absent_reason="no socket at /run/x.sock")
    agent.runtime = node_agent_pb2.GetRuntimeResponse(runtime=absent)
    result = run("runtime")
    assert result.exit_code == Exit.OK
    assert "none at /run/x.sock" in result.output


def test_little_known(agent: FakeAgent, run: Run) -> None:
    """What is not known is said to be."""
    told = agent.runtime.runtime
    for field in ("process", "former", "queues", "sandboxes"):
        told.ClearField(field)
    told.queues_absent_reason = "this kernel has no unix_diag"
    told.shims_known = False
    output = run("runtime").output
    assert "process  none is known" in output
    assert "containerd.sock: this kernel has no unix_diag" in output
    assert "shims    not looked for yet" in output


def test_former(agent: FakeAgent, run: Run) -> None:
    """How it ended, in each way."""
    former = agent.runtime.runtime.former
    former.oom_killed = False
    former.killer = "sh[7]"
    assert "signal 9 from sh[7]" in run("runtime").output
    former.ClearField("signal")
    assert "how is not known" in run("runtime").output
    former.exit_code = 0
    assert "exit code 0" in run("runtime").output


def test_wide_has_all_shims(agent: FakeAgent, run: Run) -> None:
    assert "4f4f4f4f4f4f" not in run("runtime").output
    assert "4f4f4f4f4f4f" in run("runtime", "-o", "wide").output


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("runtime", "-o", "json").output)
    assert found["runtime"]["steps"][2]["rung"] == "version"
