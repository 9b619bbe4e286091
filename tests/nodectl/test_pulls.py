"""`nodectl pulls`."""

from __future__ import annotations

import json

from agent.api.v1 import node_agent_pb2
from agent.api.v1 import pulls_pb2 as pb
from agent.nodectl.exits import Exit
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_finding(agent: FakeAgent, run: Run) -> None:
    """A stalled one is a finding."""
    result = run("pulls")
    assert result.exit_code == Exit.FINDING
    assert "STALLED: RegistrySilent" in result.output
    assert agent.requests == [node_agent_pb2.ListPullsRequest()]
    agent.pulls.pulls.pulls[0].stalled = False
    result = run("pulls")
    assert result.exit_code == Exit.OK
    assert "STALLED" not in result.output


def test_wide(agent: FakeAgent, run: Run) -> None:
    """The digests, and the devices."""
    digest = agent.pulls.pulls.pulls[0].digest
    assert digest not in run("pulls").output
    assert digest in run("pulls", "-o", "wide").output


def test_network(agent: FakeAgent, run: Run) -> None:
    """Dialled in vain, none, and not known."""
    report = agent.pulls.pulls
    report.connections[0].dialling = True
    report.connections[0].retransmits = 5
    assert "DIALS 10.0.9.4:443, 5 retransmits" in run("pulls").output
    del report.connections[:]
    assert "containerd[998] has no connection and makes none" in run("pulls").output
    report.connections_absent_reason = "no inet_diag"
    assert "connections are not known: no inet_diag" in run("pulls").output


def test_disk(agent: FakeAgent, run: Run) -> None:
    """One that ends nothing, and one that is suspended; what could not be read is said."""
    (disk,) = agent.pulls.pulls.disks
    disk.stuck.FromSeconds(42)
    disk.suspended = True
    agent.pulls.pulls.pulls[0].unread = "reading containerd's disk hangs"
    output = run("pulls").output
    assert "none ended for 42s" in output
    assert "SUSPENDED" in output
    assert "(reading containerd's disk hangs)" in output


def test_what_held_it_up(agent: FakeAgent, run: Run) -> None:
    """A device that ended nothing says more than one that was slow."""
    worst = agent.pulls.pulls.ended[0].pull.meanwhile
    worst.stuck_device = "dm-0"
    worst.stuck.FromSeconds(42)
    assert "dm-0 stuck 42s" in run("pulls").output


def test_idle(agent: FakeAgent, run: Run) -> None:
    """Nothing is pulled."""
    report = pb.PullReport(pid=998, comm="containerd")
    agent.pulls = node_agent_pb2.ListPullsResponse(pulls=report)
    result = run("pulls")
    assert (result.exit_code, result.output) == (Exit.OK, "containerd[998] pulls no image.\n")


def test_hostile_names(agent: FakeAgent, run: Run) -> None:
    """A pod's name is what somebody chose."""
    agent.pulls.pulls.waiting[0].pod = "a\nb\x1b[31m"
    assert "\x1b" not in run("pulls").output


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("pulls", "-o", "json").output)
    assert found["pulls"]["pulls"][0]["cause"] == "RegistrySilent"
