"""`nodectl heartbeat`."""

from __future__ import annotations

import json

from agent.api.v1 import heartbeat_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.nodectl.exits import Exit
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_finding(agent: FakeAgent, run: Run) -> None:
    """What has lasted too long is a finding: a connection, or an address."""
    result = run("heartbeat")
    assert result.exit_code == Exit.FINDING
    assert "STALLED: unacknowledged" in result.output
    assert agent.requests == [node_agent_pb2.GetHeartbeatRequest()]
    kubelet, server = agent.heartbeat.heartbeat.callers
    kubelet.connections[0].stalled = False
    assert run("heartbeat").exit_code == Exit.FINDING
    del server.failing[:]
    result = run("heartbeat")
    assert result.exit_code == Exit.OK
    assert "kubelet[812] has 1 connection to the API server\n" in result.output


def test_wide_has_all(agent: FakeAgent, run: Run) -> None:
    """Also what the API server has that is well."""
    assert "10.0.0.4:2379" not in run("heartbeat").output
    assert "10.0.0.4:2379" in run("heartbeat", "-o", "wide").output


def test_unknown(agent: FakeAgent, run: Run) -> None:
    """What is not known is said to be; a node with neither of the two is no finding."""
    report = agent.heartbeat.heartbeat
    report.refusals_absent_reason = "switched off"
    del report.callers[1]
    report.callers[0].connections[0].ClearField("stalled")
    report.callers[0].absent_reason = "no inet_diag"
    result = run("heartbeat")
    assert "connections of kubelet[812] are not known: no inet_diag" in result.output
    assert "refused dials are not seen: switched off" in result.output
    agent.heartbeat = node_agent_pb2.GetHeartbeatResponse(heartbeat=pb.HeartbeatReport())
    result = run("heartbeat")
    assert result.exit_code == Exit.OK
    assert "Neither the kubelet nor the API server runs here." in result.output


def test_hostile_names(agent: FakeAgent, run: Run) -> None:
    """A comm is what a process says it is."""
    agent.heartbeat.heartbeat.callers[0].comm = "a\nb\x1b[31m"
    assert "\x1b" not in run("heartbeat").output


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("heartbeat", "-o", "json").output)
    assert found["heartbeat"]["callers"][0]["connections"][0]["trouble"] == "unacknowledged"
