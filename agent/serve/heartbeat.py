"""The heartbeat's connections: the answer of GetHeartbeat, and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.heartbeat import heartbeat_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.heartbeat import Calls, HeartbeatReport, Role
from agent.serve.row import Samples, gauge


def answer(report: HeartbeatReport) -> pb.GetHeartbeatResponse:
    """All of it."""
    return pb.GetHeartbeatResponse(heartbeat=heartbeat_to_wire(report))


def connections(report: HeartbeatReport | None) -> Samples:
    """All, and those that get nothing across, by process."""
    for role, ours in _by_role(report):
        yield (role, "all"), sum(len(calls.connections) + calls.more for calls in ours)
        if report is not None:
            yield (role, "stalled"), sum(len(report.stalled(calls)) for calls in ours)


def unreachable(report: HeartbeatReport | None) -> Samples:
    """Addresses that are dialled in vain, by process."""
    for role, ours in _by_role(report):
        if report is not None:
            yield (role,), sum(len(report.unreachable(calls)) for calls in ours)


def _by_role(report: HeartbeatReport | None) -> Iterator[tuple[str, list[Calls]]]:
    """Of processes whose connections are known."""
    known = [] if report is None else [calls for calls in report.calls if not calls.absent]
    for role in Role:
        ours = [calls for calls in known if calls.caller.role is role]
        if ours:
            yield role.value, ours


ROWS = (
    gauge(
        "heartbeat_connections",
        "Connections of the kubelet to the API server, and those that the API server made: all, "
        "and those that get nothing across for heartbeat.stalled_after.",
        lambda s: connections(s.heartbeat),
        labels=("process", "which"),
    ),
    gauge(
        "heartbeat_unreachable",
        "Addresses that the process has dialled in vain for heartbeat.stalled_after.",
        lambda s: unreachable(s.heartbeat),
        labels=("process",),
    ),
)
