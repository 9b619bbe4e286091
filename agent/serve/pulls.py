"""Image pulls: the answer of ListPulls, and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.pulls import pulls_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.pulls import Outcome, Phase, PullReport

Samples = Iterator[tuple[tuple[str, ...], float]]


def answer(report: PullReport) -> pb.ListPullsResponse:
    """All of it."""
    return pb.ListPullsResponse(pulls=pulls_to_wire(report))


def in_progress(report: PullReport | None) -> Samples:
    """By phase."""
    if report is not None:
        for phase in Phase:
            yield (phase.value,), sum(pull.phase is phase for pull in report.pulls)


def stalled(report: PullReport | None) -> Samples:
    """Those without progress for too long."""
    if report is not None:
        yield (), len(report.stalled)


def written(report: PullReport | None) -> Samples:
    """Of those in flight."""
    if report is not None:
        yield (), sum(pull.file.bytes or 0 for pull in report.pulls)


def oldest(report: PullReport | None) -> Samples:
    """0: there is none."""
    if report is not None:
        begun = [report.seconds(pull.begun_boottime_ns) for pull in report.pulls]
        yield (), max(begun, default=0.0)


def ends(report: PullReport | None) -> Samples:
    """By what became of them."""
    if report is not None:
        for outcome in Outcome:
            yield (outcome.value,), report.ends.get(outcome, 0)
