"""A container runtime that does not answer, in every way: the rung is named, and who is behind."""

import time
from collections.abc import Callable

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from agent.api.v1.runtime_pb2 import (
    RUNG_STATE_OK,
    RUNG_STATE_SILENT,
    RUNG_STATE_UNTRIED,
    RuntimeReport,
    RuntimeStep,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.runtime import stopped

SECONDS = 180
DEADLINE_SECONDS = 2
SETTINGS = {"runtime.interval": "1s", "runtime.version_deadline": f"{DEADLINE_SECONDS}s"}
UNRESPONSIVE = "RuntimeUnresponsive"
RUNGS = ["socket", "connect", "version", "status", "list"]


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


def step(report: RuntimeReport, rung: str) -> RuntimeStep:
    return next(step for step in report.steps if step.rung == rung)


def runtime(asking: Asking, wanted: Callable[[RuntimeReport], bool], what: str) -> RuntimeReport:
    """The report, once it is so."""

    def found() -> RuntimeReport | None:
        report = asking.runtime()
        return report if wanted(report) else None

    return until(found, SECONDS, what, lambda: str(asking.runtime()))


def well(report: RuntimeReport) -> bool:
    return [s.state for s in report.steps] == [RUNG_STATE_OK] * len(RUNGS)


def test_stopped(pods: Pods, node: Node, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """SIGSTOP: Version is the rung, the process is stopped, and what it does not read lies in the
    kernel's queues; one question is open all the time, and its answer tells how late it came.
    """
    pods.create("well")
    report = runtime(asking, lambda r: well(r) and r.shims_known, "all rungs hold")
    assert [s.rung for s in report.steps] == RUNGS
    assert report.name == "containerd"
    assert report.process.pid == node.containerd.pid
    assert report.process.comm == "containerd"
    assert {c.type for c in report.conditions} == {"RuntimeReady", "NetworkReady"}
    assert report.queues.pending == 0
    assert report.queues.backlog > 0
    assert report.queues.connections > 0
    assert not report.HasField("former")
    assert not asking.conditions(types=[UNRESPONSIVE])

    with stopped(node):
        begun = time.monotonic()
        found = asking.condition(UNRESPONSIVE, "", lambda c: "Version has waited" in c.message)
        seen = time.monotonic() - begun
        assert (found.reason, found.severity) == ("Stopped", SEVERITY_CRITICAL)
        assert f"containerd[{node.containerd.pid}] is stopped (state T)" in found.message
        report = asking.runtime()
        assert [s.state for s in report.steps] == [
            RUNG_STATE_OK,
            RUNG_STATE_OK,
            RUNG_STATE_SILENT,
            RUNG_STATE_UNTRIED,
            RUNG_STATE_UNTRIED,
        ]
        silent = step(report, "version")
        assert silent.took.ToMilliseconds() >= 1000 * DEADLINE_SECONDS
        assert report.queues.pending >= 1
        assert report.queues.unread_bytes > 0
        said = guest.run(["nodectl", "runtime"], check=False)
        assert said.exit_code == 1
        assert "UNRESPONSIVE" in said.out
        assert f"containerd[{node.containerd.pid}] is STOPPED (T)" in said.out
        assert asking.metric("nodewitness_runtime_rung_failing", rung="version") == 1
        later = runtime(
            asking,
            lambda r: step(r, "version").took.seconds >= silent.took.seconds + DEADLINE_SECONDS,
            "the same question is still open",
        )
        before, after = silent, step(later, "version")
        assert (after.answers, after.silences) == (before.answers, before.silences)
    asking.condition(UNRESPONSIVE, "", status=CONDITION_STATUS_FALSE)
    late = step(runtime(asking, well, "all rungs hold again"), "version")
    took = late.answers_took.ToMilliseconds() / 1000
    assert late.answers > after.answers
    assert took >= after.took.seconds
    figures.append(f"runtime: SIGSTOP is told after {seen:.1f} s: {found.message}")
    figures.append(
        f"runtime: Version's answers took {took:.1f} s together, the late one among them"
    )
