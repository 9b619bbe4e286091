"""The kubelet: the answer to GetKubelet, and its metric families."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.kubelet import kubelet_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.kubelet import KubeletReport
from agent.model.latency import Latency

Samples = Iterator[tuple[tuple[str, ...], float]]


def answer(report: KubeletReport) -> pb.GetKubeletResponse:
    """All of it."""
    return pb.GetKubeletResponse(kubelet=kubelet_to_wire(report))


def well(report: KubeletReport | None) -> Samples:
    """Not on a node without a kubelet."""
    if report is not None and not report.absent:
        yield (), not report.failing


def latencies(report: KubeletReport | None) -> Iterator[tuple[tuple[str, ...], Latency]]:
    """How long the answers took, the late ones too."""
    if report is not None and report.healthz is not None:
        yield (), report.healthz.latency


def silences(report: KubeletReport | None) -> Samples:
    """Deadlines that have passed without an answer."""
    if report is not None and report.healthz is not None:
        yield (), report.healthz.silences


def failures(report: KubeletReport | None) -> Samples:
    """Refusals and errors."""
    if report is not None and report.healthz is not None:
        yield (), report.healthz.failures


def restarts(report: KubeletReport | None) -> Samples:
    """Processes that came after another."""
    if report is not None and not report.absent:
        yield (), report.restarts
