"""The kubelet on the wire: agent.model.kubelet and kubelet.proto."""

from __future__ import annotations

from agent.api.runtime import RUNG_STATE, former_to_wire, process_to_wire
from agent.api.v1 import kubelet_pb2 as pb
from agent.api.wire import duration, text, timestamp
from agent.model.kubelet import Healthz, KubeletReport


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
    )


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
