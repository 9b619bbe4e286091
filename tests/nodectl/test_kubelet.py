"""`nodectl kubelet`."""

from __future__ import annotations

import json

from msgspec.structs import replace

from agent.api.v1 import node_agent_pb2, runtime_pb2
from agent.nodectl.exits import Exit
from agent.serve.kubelet import answer
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent
from tests.serve.kubelet_sample import BELIEF, KUBELET, WELL


def test_finding(agent: FakeAgent, run: Run) -> None:
    """A kubelet that is well is none."""
    result = run("kubelet")
    assert result.exit_code == Exit.FINDING
    assert result.output.startswith("kubelet  DOWN: kubelet v1.30.14 runs, and its healthz hangs")
    assert agent.requests == [node_agent_pb2.GetKubeletRequest()]
    agent.kubelet = answer(WELL)
    result = run("kubelet")
    assert result.exit_code == Exit.OK
    assert result.output.startswith("kubelet  kubelet v1.30.14 answers\n")
    assert "127.0.0.1:10248: ok in 4.0ms (3 answers" in result.output


def test_gone(agent: FakeAgent, run: Run) -> None:
    """It is said how it ended."""
    agent.kubelet = answer(replace(KUBELET, process=None))
    output = run("kubelet").output
    assert output.startswith("kubelet  DOWN: kubelet v1.30.14 is gone")
    assert "exit code 1" in output


def test_states(agent: FakeAgent, run: Run) -> None:
    """Stopped; an error with its status; a refusal; what was never asked, and why."""
    told = agent.kubelet.kubelet
    told.problems.append("/x: no YAML")
    told.healthz.state = runtime_pb2.RUNG_STATE_FAILED
    told.healthz.status, told.healthz.detail = 500, "[-]syncloop failed"
    output = run("kubelet").output
    assert "its healthz fails" in output
    assert "FAILED: 500 [-]syncloop failed" in output
    assert "problem  /x: no YAML" in output
    told.healthz.ClearField("status")
    told.healthz.detail = "refused"
    assert "FAILED: refused" in run("kubelet").output
    told.process.state = "T"
    assert "DOWN: kubelet v1.30.14 is stopped" in run("kubelet").output
    told.process.state, told.failing = "S", False
    told.healthz.state = runtime_pb2.RUNG_STATE_UNTRIED
    assert "not asked yet" in run("kubelet").output
    told.ClearField("healthz")
    output = run("kubelet").output
    assert "kubelet v1.30.14 runs" in output
    assert "healthz  not asked yet" in output
    told.healthz_off_reason = "healthzPort: 0"
    assert "not asked: healthzPort: 0" in run("kubelet").output
    told.ClearField("process")
    assert "its process has another name" in run("kubelet").output


def test_none(agent: FakeAgent, run: Run) -> None:
    """A node without one is no finding."""
    none = replace(KUBELET, absent="no process is named kubelet here", belief=None)
    agent.kubelet = answer(none)
    result = run("kubelet")
    assert result.exit_code == Exit.OK
    assert result.output == "kubelet  none: no process is named kubelet here\n"


def test_belief(agent: FakeAgent, run: Run) -> None:
    """What the API server believes, or why that is not known; also of a node without a kubelet of
    that name.
    """
    output = run("kubelet").output
    assert "the API server believes of ip-10-0-64-12, asked at 10.96.0.1:443 " in output
    assert "  Ready           True for " in output
    assert "  lease           renewed" in output
    problem = replace(BELIEF, lease=None, lease_problem="403: leases is forbidden")
    agent.kubelet = answer(replace(KUBELET, absent="none here", belief=problem))
    output = run("kubelet").output
    assert output.startswith("kubelet  none: none here\n\nthe API server believes of ip-10")
    assert "  lease           not known: 403: leases is forbidden" in output
    unknown = "nodes is forbidden; grant it"
    agent.kubelet = answer(replace(WELL, belief=None, belief_unknown=unknown))
    assert f"the API server believes: not known; {unknown}" in run("kubelet").output


def test_json(agent: FakeAgent, run: Run) -> None:
    """As the API has it."""
    found = json.loads(run("kubelet", "-o", "json").output)
    assert found["kubelet"]["healthz"]["address"] == "127.0.0.1:10248"
