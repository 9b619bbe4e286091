"""The container runtime: the answer to GetRuntime, and its metric families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.api.runtime import runtime_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.creation import CreationStep
from agent.model.latency import Latency
from agent.model.runtime import Rung, RuntimeReport, Step
from agent.serve.row import HistogramRow, Samples, counter, gauge


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
    """Those that the runtime knows, orphans, and of both those that are blocked."""
    if report is not None and report.shims is not None:
        yield ("served",), sum(not shim.orphan for shim in report.shims)
        yield ("orphan",), sum(shim.orphan for shim in report.shims)
        if report.blocked_known:
            yield ("blocked",), sum(bool(shim.blocked) for shim in report.shims)


def creations(report: RuntimeReport | None) -> Samples:
    """How many there are in each step."""
    if report is not None and report.shims is not None:
        counts = Counter(each.step for each in report.creations)
        for step in CreationStep:
            yield (step.value,), counts[step]


def oldest_creations(report: RuntimeReport | None) -> Samples:
    """Since when the oldest of each step has been in the making; 0 if there is none."""
    if report is not None and report.shims is not None:
        begun: dict[CreationStep, int] = {}
        for each in report.creations:
            begun.setdefault(each.step, each.begun_boottime_ns)
        for step in CreationStep:
            since = begun.get(step, report.boottime_ns)
            yield (step.value,), max(0, report.boottime_ns - since) / 1e9


ROWS = (
    gauge(
        "runtime_rung_failing",
        "1 for the first rung of the container runtime's ladder that does not hold.",
        lambda s: failing(s.runtime),
        labels=("rung",),
    ),
    counter(
        "runtime_probe_silences",
        "Deadlines that have passed without an answer of the runtime.",
        lambda s: silences(s.runtime),
        labels=("rung",),
    ),
    counter(
        "runtime_probe_failures",
        "Errors of the runtime, and connections that it refused.",
        lambda s: failures(s.runtime),
        labels=("rung",),
    ),
    gauge(
        "runtime_socket_pending",
        "Connections that the runtime has not accepted.",
        lambda s: pending(s.runtime),
    ),
    gauge(
        "runtime_socket_unread_bytes",
        "Bytes on its connections that the runtime has not read.",
        lambda s: unread(s.runtime),
    ),
    counter(
        "runtime_restarts",
        "Processes of the runtime that came after another while the agent ran.",
        lambda s: restarts(s.runtime),
    ),
    gauge(
        "runtime_shims",
        "Shims of containerd: those of sandboxes that it knows, and orphans; of all of these those "
        "with a thread that has been in state D for disks.blocked_after.",
        lambda s: shims(s.runtime),
        labels=("state",),
    ),
    gauge(
        "runtime_creations_in_progress",
        "Sandboxes and containers that are being made, by the step that they are in.",
        lambda s: creations(s.runtime),
        labels=("step",),
    ),
    gauge(
        "runtime_creations_oldest_seconds",
        "How long ago the oldest of them was begun; 0 if there is none in that step.",
        lambda s: oldest_creations(s.runtime),
        labels=("step",),
    ),
)

HISTOGRAMS = (
    HistogramRow(
        name="nodewitness_runtime_probe_duration_seconds",
        help="Time that the runtime took to answer, the answers that came late included.",
        labels=("rung",),
        samples=lambda s: latencies(s.runtime),
    ),
)
