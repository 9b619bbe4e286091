"""The container runtime: the answer to GetRuntime, and its metric families."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.runtime import runtime_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.latency import Latency
from agent.model.runtime import Rung, RuntimeReport, Step

Samples = Iterator[tuple[tuple[str, ...], float]]


def answer(report: RuntimeReport) -> pb.GetRuntimeResponse:
    """All of it."""
    return pb.GetRuntimeResponse(runtime=runtime_to_wire(report))


def _asked(report: RuntimeReport | None) -> Iterator[Step]:
    """The rungs that something is asked on."""
    for step in () if report is None else report.steps:
        if step.rung is not Rung.SOCKET:
            yield step


def latencies(report: RuntimeReport | None) -> Iterator[tuple[tuple[str, ...], Latency]]:
    """How long the answers took, the late ones too."""
    for step in _asked(report):
        yield (step.rung.value,), step.latency


def failing(report: RuntimeReport | None) -> Samples:
    """1 for the rung that fails, 0 for all others."""
    if report is not None:
        broken = report.failing
        for step in report.steps:
            yield (step.rung.value,), broken is not None and broken.rung is step.rung


def silences(report: RuntimeReport | None) -> Samples:
    """Deadlines that have passed without an answer."""
    return (((step.rung.value,), step.silences) for step in _asked(report))


def failures(report: RuntimeReport | None) -> Samples:
    """Errors."""
    return (((step.rung.value,), step.failures) for step in _asked(report))


def pending(report: RuntimeReport | None) -> Samples:
    """Connections that wait to be accepted."""
    if report is not None and report.queues is not None:
        yield (), report.queues.pending


def unread(report: RuntimeReport | None) -> Samples:
    """Bytes that the runtime has not read."""
    if report is not None and report.queues is not None:
        yield (), report.queues.unread_bytes


def restarts(report: RuntimeReport | None) -> Samples:
    """Processes that came after another."""
    if report is not None:
        yield (), report.restarts


def shims(report: RuntimeReport | None) -> Samples:
    """By what is wrong with them."""
    if report is not None and report.shims is not None:
        yield ("served",), sum(not shim.orphan for shim in report.shims)
        yield ("orphan",), sum(shim.orphan for shim in report.shims)
        yield ("blocked",), sum(bool(shim.blocked) for shim in report.shims)
