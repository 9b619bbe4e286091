"""Pulls on the wire: agent.model.pulls and pulls.proto."""

from __future__ import annotations

from agent.api.oom import container_to_wire
from agent.api.v1 import pulls_pb2 as pb
from agent.api.wire import duration, text, timestamp
from agent.model.disks import DiskState, Op
from agent.model.heartbeat import Connection
from agent.model.pulls import EndedPull, Meanwhile, Pull, PullReport


def pulls_to_wire(report: PullReport) -> pb.PullReport:
    """A message of the caller's own."""
    return pb.PullReport(
        at=timestamp(report.wall_ns),
        stalled_after=duration(report.stalled_after_seconds),
        pid=report.pid,
        comm=text(report.comm),
        pulls=[_pull(report, pull, report.boottime_ns) for pull in report.pulls],
        connections=map(_connection, report.connections),
        connections_absent_reason=text(report.connections_absent),
        disks=[_disk(report, state) for state in report.disks],
        waiting=map(container_to_wire, report.waiting),
        ended=[_ended(report, each) for each in report.ended],
    )


def _pull(report: PullReport, pull: Pull, now_ns: int) -> pb.Pull:
    file = pull.file
    return pb.Pull(
        phase=pull.phase.value,
        kind=text(file.kind),
        digest=text(file.digest),
        namespace=text(file.namespace),
        bytes=file.bytes,
        total_bytes=file.total_bytes,
        begun=timestamp(_wall(report, pull.begun_boottime_ns)),
        still=duration(max(0, now_ns - pull.moved_boottime_ns) / 1e9),
        stalled=pull.stalled,
        cause="" if pull.cause is None else pull.cause.value,
        disks=map(text, pull.disks),
        meanwhile=_meanwhile(pull.meanwhile),
        unread=text(file.unread),
    )


def _meanwhile(worst: Meanwhile) -> pb.PullMeanwhile:
    return pb.PullMeanwhile(
        still=duration(worst.still_seconds),
        silent=duration(worst.silent_seconds),
        retransmits=worst.retransmits,
        slowest_device=text(worst.slowest_device),
        slowest_op="" if worst.slowest_op is None else worst.slowest_op.value,
        slowest=None if worst.slowest_op is None else duration(worst.slowest_seconds),
        stuck=duration(worst.stuck_seconds),
        cause="" if worst.cause is None else worst.cause.value,
        stuck_device=text(worst.stuck_device),
    )


def _connection(each: Connection) -> pb.RegistryConnection:
    return pb.RegistryConnection(
        local=each.local,
        remote=each.remote,
        dialling=each.dialling,
        since_received=None if each.dialling else duration(each.since_received_seconds),
        unread_bytes=each.unread_bytes,
        unacknowledged_segments=each.unacked,
        retransmits=each.retransmits,
        round_trip=duration(each.rtt_seconds),
    )


def _disk(report: PullReport, state: DiskState) -> pb.PullDisk:
    took = {
        op: duration(rate.latency_seconds)
        for op, rate in state.rates.items()
        if rate.latency_seconds is not None
    }
    since = state.stuck_since_boottime_ns
    return pb.PullDisk(
        device=text(state.disk.name),
        kind=text(f"{state.disk.kind.value} {state.disk.label}".rstrip()),
        in_flight=state.in_flight,
        suspended=state.suspended,
        read=took.get(Op.READ),
        write=took.get(Op.WRITE),
        flush=took.get(Op.FLUSH),
        stuck=None if since is None else duration(report.seconds(since)),
    )


def _ended(report: PullReport, each: EndedPull) -> pb.EndedPull:
    return pb.EndedPull(
        pull=_pull(report, each.pull, each.ended_boottime_ns),
        ended=timestamp(_wall(report, each.ended_boottime_ns)),
        outcome=each.outcome.value,
    )


def _wall(report: PullReport, boottime_ns: int) -> int:
    return boottime_ns + report.wall_ns - report.boottime_ns
