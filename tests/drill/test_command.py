"""`nodectl drill oom` from the command line to a real kill, with a fake agent behind real gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.api.v1 import node_agent_pb2
from agent.drill import oom
from agent.host.cgroup_fs import CgroupFs
from agent.nodectl.exits import Exit
from agent.nodectl.main import cli
from tests.drill.fakes import WatchingAgent
from tests.nodectl.fake_agent import FakeAgent, Watched, serving


class _OnTheWire(FakeAgent):
    """WatchingAgent's answers, over gRPC."""

    watcher: WatchingAgent

    def ListOOMIncidents(
        self, request: Any, context: Any
    ) -> node_agent_pb2.ListOOMIncidentsResponse:
        return self.watcher.incidents(0)

    def ListContainers(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    ListPods = ListContainers

    def ListExits(self, request: Any, context: Any) -> node_agent_pb2.ListExitsResponse:
        raise NotImplementedError

    def WatchEvents(self, request: Any, context: Any) -> Iterator[Watched]:
        context.add_callback(self.watcher.stop)
        yield from self.watcher.events()


@pytest.fixture
def watcher(
    fs: CgroupFs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WatchingAgent]:
    watching = WatchingAgent(fs)
    monkeypatch.setattr(oom, "fetch", watching.metrics)
    fake = _OnTheWire(tmp_path / "agent.sock")
    fake.watcher = watching
    with serving(fake):
        yield watching


def _drill(tmp_path: Path, *options: str) -> Result:
    arguments = ["--socket", str(tmp_path / "agent.sock"), "drill", "oom", "--limit", "8"]
    return CliRunner().invoke(cli, [*arguments, *options])


def test_passed(watcher: WatchingAgent, tmp_path: Path) -> None:
    """Every hop is shown, and the drill exits 0."""
    result = _drill(tmp_path, "--wait", "60s")
    assert result.exit_code == Exit.OK, result.output
    assert result.output.startswith("drill    /nodewitness-drill-")
    for hop in ("counter", "vmstat", "kmsg", "stream", "ledger", "metrics", "books"):
        assert f"\n{hop} " in result.output
    assert (
        "seen by  memory.events · kmsg; its cgroup known by proc; confidence high" in result.output
    )
    assert "passed   all 7 hops saw the kill" in result.output


def test_json(watcher: WatchingAgent, tmp_path: Path) -> None:
    """-o json is one object, and nothing else."""
    result = _drill(tmp_path, "--wait", "60s", "-o", "json", "--metrics", "none")
    report = json.loads(result.stdout)
    assert report["passed"] is True
    assert len(report["hops"]) == 6
    assert result.stderr == ""


def test_failed(watcher: WatchingAgent, tmp_path: Path) -> None:
    """A blind agent fails the drill: exit 1, and what to check."""
    watcher.blind = True
    result = _drill(tmp_path, "--wait", "1500ms", "--metrics", "none")
    assert result.exit_code == Exit.FINDING
    assert "FAILED   the kill was not seen by: stream, ledger, books" in result.output
    assert "check: " in result.output


def test_no_agent_provokes_nothing(fs: CgroupFs, tmp_path: Path) -> None:
    """Without an agent there is nobody to drill: exit 3, and no kill."""
    result = _drill(tmp_path)
    assert result.exit_code == Exit.NO_AGENT
    assert "there is no socket" in result.stderr
    assert result.stdout == ""


def test_kernel_only_needs_no_agent(fs: CgroupFs, tmp_path: Path) -> None:
    """The kernel's half can be drilled alone."""
    result = _drill(tmp_path, "--kernel-only", "--wait", "60s")
    assert result.exit_code == Exit.OK, result.output
    assert "passed   all 3 hops saw the kill" in result.output


def test_agent_that_refuses(watcher: WatchingAgent, tmp_path: Path) -> None:
    """An error of the agent keeps its exit code."""
    result = _drill(tmp_path, "--socket", str(tmp_path / "other.sock"))
    assert result.exit_code == Exit.NO_AGENT
