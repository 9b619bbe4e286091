"""The heartbeat's connections on the wire: agent.model.heartbeat, heartbeat.proto."""

from __future__ import annotations

from agent.api.oom import container_to_wire
from agent.api.v1 import heartbeat_pb2 as pb
from agent.api.wire import duration, text, timestamp
from agent.model.heartbeat import Calls, Destination, HeartbeatReport, Watched


def heartbeat_to_wire(report: HeartbeatReport) -> pb.HeartbeatReport:
    """A message of the caller's own."""
    return pb.HeartbeatReport(
        at=timestamp(report.wall_ns),
        stalled_after=duration(report.stalled_after_seconds),
        callers=[_caller(report, calls) for calls in report.calls],
        refusals_absent_reason=text(report.refusals_absent),
    )


def _caller(report: HeartbeatReport, calls: Calls) -> pb.Caller:
    caller = calls.caller
    stalled, unreachable = report.stalled(calls), report.unreachable(calls)
    return pb.Caller(
        role=caller.role.value,
        pid=caller.pid,
        comm=text(caller.comm),
        unit=text(caller.unit),
        container=None if caller.names is None else container_to_wire(caller.names),
        connections=[_connection(report, each, each in stalled) for each in calls.connections],
        more=calls.more,
        failing=[_destination(report, each, each in unreachable) for each in calls.failing],
        absent_reason=text(calls.absent),
    )


def _connection(report: HeartbeatReport, watched: Watched, stalled: bool) -> pb.TcpConnection:
    each, trouble = watched.connection, watched.trouble
    lasts = None if trouble is None else duration(report.seconds(watched.since_boottime_ns))
    return pb.TcpConnection(
        local=each.local,
        remote=each.remote,
        dialling=each.dialling,
        trouble="" if trouble is None else trouble.value,
        trouble_for=lasts,
        stalled=stalled,
        retransmits=each.retransmits,
        backoff=each.backoff,
        retransmit_timeout=duration(each.rto_seconds),
        unacknowledged_segments=each.unacked,
        queued_bytes=each.queued_bytes,
        since_sent=duration(each.since_sent_seconds),
        since_received=duration(each.since_received_seconds),
        since_acknowledged=duration(each.since_acked_seconds),
        round_trip=duration(each.rtt_seconds),
        total_retransmits=each.total_retransmits,
    )


def _destination(
    report: HeartbeatReport, each: Destination, unreachable: bool
) -> pb.DialledAddress:
    return pb.DialledAddress(
        remote=each.remote,
        failing_for=duration(report.seconds(each.first_boottime_ns)),
        unanswered=each.unanswered,
        refused=each.refused,
        dialling=each.dialling,
        refuses=each.refuses,
        unreachable=unreachable,
    )
