"""The kubelet on the wire: agent.model.kubelet and kubelet.proto."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from agent.api.runtime import RUNG_STATE, former_to_wire, process_to_wire
from agent.api.v1 import kubelet_pb2 as pb
from agent.api.wire import EnumTable, duration, text, timestamp
from agent.model.kubelet import Healthz, KubeletReport, NodeBelief, NodeCondition, NodeStatus

NODE_STATUS = EnumTable(
    {
        NodeStatus.TRUE: pb.NODE_CONDITION_STATUS_TRUE,
        NodeStatus.FALSE: pb.NODE_CONDITION_STATUS_FALSE,
        NodeStatus.UNKNOWN: pb.NODE_CONDITION_STATUS_UNKNOWN,
    },
    foreign=NodeStatus.UNKNOWN,
)


def kubelet_to_wire(report: KubeletReport) -> pb.KubeletReport:
    """A message of the caller's own."""
    offset_ns = report.wall_ns - report.boottime_ns
    process, former = report.process, report.former
    return pb.KubeletReport(
        at=timestamp(report.wall_ns),
        absent_reason=text(report.absent),
        failing=report.failing,
        process=None if process is None else process_to_wire(process, offset_ns),
        former=None if former is None else former_to_wire(former, offset_ns),
        restarts=report.restarts,
        healthz=None if report.healthz is None else _healthz(report.healthz),
        healthz_off_reason=text(report.healthz_off),
        version=text(report.facts.version),
        config=text(report.facts.config),
        problems=map(text, report.facts.problems),
        throttled_ratio=report.throttled_ratio,
        cpu_waiting_ratio=report.cpu_waiting,
        belief=None if report.belief is None else _belief(report.belief),
        belief_unknown_reason=text(report.belief_unknown),
    )


def _belief(belief: NodeBelief) -> pb.NodeBelief:
    lease = belief.lease
    return pb.NodeBelief(
        at=timestamp(belief.wall_ns),
        address=text(belief.address),
        node=text(belief.node.name),
        conditions=map(_condition, belief.node.conditions),
        lease_renewed=None if lease is None else _moment(lease.renewed_wall_ns),
        lease_duration=None if lease is None or lease.seconds is None else duration(lease.seconds),
        lease_problem=text(belief.lease_problem),
    )


def _condition(condition: NodeCondition) -> pb.NodeCondition:
    return pb.NodeCondition(
        type=text(condition.type),
        status=NODE_STATUS.to_wire(condition.status),
        reason=text(condition.reason),
        message=text(condition.message),
        last_heartbeat=_moment(condition.heartbeat_wall_ns),
        last_transition=_moment(condition.transition_wall_ns),
    )


def _moment(wall_ns: int | None) -> Timestamp | None:
    return None if wall_ns is None else timestamp(wall_ns)


def _healthz(healthz: Healthz) -> pb.Healthz:
    return pb.Healthz(
        address=text(healthz.address),
        state=RUNG_STATE.to_wire(healthz.state),
        deadline=duration(healthz.deadline_seconds),
        took=None if healthz.seconds is None else duration(healthz.seconds),
        status=healthz.status,
        detail=text(healthz.detail),
        answers=healthz.latency.count,
        answers_took=duration(healthz.latency.total_seconds),
        silences=healthz.silences,
        failures=healthz.failures,
    )
