"""Image pulls: the answer of ListPulls, and metrics."""

from __future__ import annotations

from agent.api.pulls import pulls_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.pulls import Outcome, Phase, PullReport
from agent.serve.row import Samples, counter, gauge


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


ROWS = (
    gauge(
        "image_pulls_in_progress",
        "Blobs of images that containerd downloads, writes out or unpacks.",
        lambda s: in_progress(s.pulls),
        labels=("phase",),
    ),
    gauge(
        "image_pulls_stalled",
        "Those of them that have got no further for runtime.pull_stalled_after.",
        lambda s: stalled(s.pulls),
    ),
    gauge(
        "image_pulls_written_bytes",
        "What is written so far of blobs that are being downloaded.",
        lambda s: written(s.pulls),
    ),
    gauge(
        "image_pulls_oldest_seconds",
        "How long ago the oldest pull in progress began; 0 if there is none.",
        lambda s: oldest(s.pulls),
    ),
    counter(
        "image_pulls_ended",
        "Blobs that containerd pulls no more, by what became of them. One that is pulled between "
        "two looks is not seen.",
        lambda s: ends(s.pulls),
        labels=("outcome",),
    ),
)
