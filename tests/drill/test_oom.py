"""The drill itself, with real kills: needs root and a memory controller."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from agent.api.v1 import oom_pb2
from agent.drill import oom
from agent.drill.agent_hops import AgentError
from agent.drill.kernel_hops import now_ns
from agent.drill.names import PREFIX, Creator, creator_of, scratch_name
from agent.drill.oom import DrillError, DrillSettings, hold, remove_leftovers
from agent.drill.report import DrillReport, HopResult
from agent.host.cgroup_fs import CgroupFs
from agent.host.root import HostRoot
from agent.host.scratch_cgroup import ScratchCgroup
from tests.drill.fakes import WatchingAgent

MI = 1 << 20
# A hop that works takes milliseconds; one that is meant to miss should not take the whole wait.
SILENT = mock.create_autospec(oom.Narrator, instance=True)
PATIENT = DrillSettings(wait_seconds=60, limit_bytes=8 * MI)
HASTY = DrillSettings(wait_seconds=1.5, limit_bytes=8 * MI)


@pytest.fixture(autouse=True)
def nothing_left(fs: CgroupFs) -> Iterator[None]:
    """Whatever a test does: afterwards no scratch cgroup of ours, or of a dead drill, is there."""
    yield
    for path in _scratch_cgroups(fs):
        creator = creator_of(path[1:])
        assert creator is not None
        assert creator.pid != os.getpid()
        assert not creator.gone(now_ns())


@pytest.fixture
def agent(fs: CgroupFs, monkeypatch: pytest.MonkeyPatch) -> WatchingAgent:
    """An agent whose metrics page is at every address."""
    watching = WatchingAgent(fs)
    monkeypatch.setattr(oom, "fetch", watching.metrics)
    return watching


def _scratch_cgroups(fs: CgroupFs) -> list[str]:
    return [path for path, _ in fs.children("/") if path.startswith(f"/{PREFIX}")]


def _with_metrics(settings: DrillSettings) -> DrillSettings:
    return DrillSettings(
        wait_seconds=settings.wait_seconds,
        limit_bytes=settings.limit_bytes,
        metrics_url="http://agent/metrics",
    )


def _by_name(report: DrillReport) -> dict[str, HopResult]:
    return {hop.name: hop for hop in report.hops}


def test_kernel_half() -> None:
    """A real kill: in the scratch cgroup's counter, in vmstat, in the kernel's log."""
    report = hold(PATIENT, None, SILENT)
    assert report.passed
    assert [hop.name for hop in report.hops] == ["counter", "vmstat", "kmsg"]
    assert re.fullmatch(r"/nodewitness-drill-[0-9a-f]{32}", report.cgroup)
    hops = _by_name(report)
    assert hops["counter"].what.endswith("oom_kill 0 -> 1")
    assert f"Killed process {report.pid} ({report.comm})" in hops["kmsg"].what
    # The last step was less than one step before the kill: all but the page tables was eaten.
    assert 7 * MI < report.eaten_bytes < 8 * MI
    assert report.death_ns > 0
    assert all(hop.latency_ns is not None and hop.latency_ns > 0 for hop in report.hops)
    assert report.incident is None


def test_every_hop(agent: WatchingAgent) -> None:
    """With an agent that works, all seven hops see the kill, and the witnesses are told."""
    report = hold(_with_metrics(PATIENT), agent, SILENT)
    assert [hop.name for hop in report.hops] == [
        *("counter", "vmstat", "kmsg", "stream", "ledger", "metrics", "books")
    ]
    assert report.passed, report.hops
    hops = _by_name(report)
    assert hops["stream"].what == "event 42, oom_recorded"
    published, arrived = hops["stream"].published_ns, hops["stream"].latency_ns
    assert published is not None
    assert arrived is not None
    assert 0 < published < arrived
    assert hops["metrics"].what == "nodewitness_oom_drill_kills_total 0 -> 1"
    assert hops["books"].what == "8 kills = 8 attributed + 0 repeats + 0 unattributed"
    assert report.incident is not None
    assert report.incident.witnesses == ("WITNESS_MEMORY_EVENTS", "WITNESS_KMSG")
    assert report.incident.attribution == "ATTRIBUTION_PROC"


def test_blind_agent(agent: WatchingAgent) -> None:
    """An agent that sees nothing misses its four hops and spoils none of the kernel's."""
    agent.blind = True
    report = hold(_with_metrics(HASTY), agent, SILENT)
    missed = {hop.name for hop in report.hops if hop.latency_ns is None}
    assert missed == {"stream", "ledger", "metrics", "books"}
    assert all(hop.check for hop in report.hops if hop.name in missed)
    assert not report.passed


def _forget_drill(incident: oom_pb2.OOMIncident) -> None:
    incident.drill = False


def _wrong_pid(incident: oom_pb2.OOMIncident) -> None:
    incident.victims[0].pid += 1


@pytest.mark.parametrize(
    ("change", "said"),
    [(_forget_drill, "not marked as a drill: it would page"), (_wrong_pid, "not our pid")],
)
def test_agent_that_errs(
    agent: WatchingAgent, change: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incident that is not quite ours is a failure, and the drill says what is wrong with it."""
    monkeypatch.setattr(agent, "change", change)
    ledger = _by_name(hold(HASTY, agent, SILENT))["ledger"]
    assert ledger.latency_ns is None
    assert said in ledger.what


def test_books_that_do_not_balance(agent: WatchingAgent) -> None:
    """A kill that is everywhere and still leaves the books wrong is a failed drill."""
    agent.balanced = False
    report = hold(HASTY, agent, SILENT)
    assert [hop.name for hop in report.hops if hop.latency_ns is None] == ["books"]
    assert "do NOT balance" in report.hops[-1].what


def test_agent_that_refuses_the_subscription(agent: WatchingAgent) -> None:
    """Nothing is provoked before the stream is open; what was made is removed."""
    agent.subscribe_error = "64 subscribers already"
    with pytest.raises(AgentError, match="64 subscribers"):
        hold(PATIENT, agent, SILENT)


def test_agent_that_does_not_confirm_the_subscription(agent: WatchingAgent) -> None:
    """A stream that says nothing is not waited for longer than --wait."""
    agent.stream_silent = True
    with pytest.raises(AgentError, match="did not confirm"):
        hold(HASTY, agent, SILENT)


def test_smallest_limit() -> None:
    """The interpreter itself is charged elsewhere: four MiB are enough to be killed for."""
    report = hold(DrillSettings(wait_seconds=60, limit_bytes=4 * MI), None, SILENT)
    assert report.passed


def test_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not root is told so at once."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DrillError, match="run it as root"):
        hold(PATIENT, None, SILENT)


def test_without_memory_controller(tmp_path: Path) -> None:
    """A host without the hierarchy is an error in words."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mountinfo").write_text("")
    with pytest.raises(DrillError, match="no cgroup file system"):
        hold(PATIENT, None, SILENT, root=HostRoot.at(tmp_path))


# Holds a drill that stops when all is made and nothing is eaten yet, until its stdin says so.
_PAUSED = """
import sys
from agent.drill.oom import DrillSettings, hold
from agent.drill.interrupts import Interrupted
class Pausing:
    def begins(self, cgroup, limit_bytes, comm, pid):
        print(cgroup, pid, flush=True)
        sys.stdin.readline()
try:
    hold(DrillSettings(limit_bytes=8 << 20), None, Pausing())
except Interrupted as interrupted:
    sys.exit(128 + interrupted.signum)
"""


def _paused_drill() -> tuple[subprocess.Popen[str], int, str]:
    """A drill in a process of its own, its eater's pid, and its cgroup."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PAUSED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    path, pid = line.split()
    return process, int(pid), path


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_nothing_behind(fs: CgroupFs, signum: signal.Signals) -> None:
    """Ctrl-C and kill end the eater and remove the cgroup before the drill itself ends."""
    process, eater_pid, path = _paused_drill()
    with process:
        assert path in _scratch_cgroups(fs)
        assert eater_pid in fs.procs(path)
        process.send_signal(signum)
        process.send_signal(signum)
        # By the second one, if that came when all was done and signals were ordinary again.
        assert process.wait(60) in (128 + signum, -signum)
    assert path not in _scratch_cgroups(fs)
    assert not Path(f"/proc/{eater_pid}").exists()


def test_killed_drill_takes_its_eater_along_and_the_next_removes_its_cgroup(fs: CgroupFs) -> None:
    """SIGKILL leaves an empty cgroup and nothing alive; the next drill sweeps and says so."""
    process, eater_pid, path = _paused_drill()
    poll = select.poll()
    pidfd = os.pidfd_open(eater_pid)
    poll.register(pidfd, select.POLLIN)
    with process:
        assert remove_leftovers(fs) == []  # it lives: its cgroup is not ours to take
        process.kill()
        process.wait(60)
        assert poll.poll(60_000), "the eater lives on without its drill"
    os.close(pidfd)
    assert path in _scratch_cgroups(fs)
    report = hold(PATIENT, None, SILENT)
    assert report.leftovers_removed == (path,)


def test_leftover_with_a_process_is_kept(fs: CgroupFs) -> None:
    """Only empty cgroups of dead drills are removed."""
    gone = Creator(pid_namespace=Creator.me().pid_namespace, pid=os.getpid(), start_ticks=1)
    with ScratchCgroup.create(fs, scratch_name(gone), 32 * MI) as scratch:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as inmate:
            scratch.add(inmate.pid)
            assert remove_leftovers(fs) == []
            assert scratch.path in _scratch_cgroups(fs)
        assert remove_leftovers(fs) == [scratch.path]
