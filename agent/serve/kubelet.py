"""The kubelet: the answer to GetKubelet, and its metric families."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.kubelet import kubelet_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.kubelet import KubeletReport, NodeStatus
from agent.model.latency import Latency
from agent.serve.row import HistogramRow, Samples, counter, gauge


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


def believed(report: KubeletReport | None) -> Samples:
    """One 1 among three for each condition that the Node object has."""
    if report is not None and report.belief is not None:
        for condition in report.belief.node.conditions:
            for status in NodeStatus:
                yield (condition.type, status.value.lower()), condition.status is status


def renewed(report: KubeletReport | None) -> Samples:
    """By the clock of the kubelet, which is this node's."""
    belief = None if report is None else report.belief
    lease = None if belief is None else belief.lease
    if lease is not None and lease.renewed_wall_ns is not None:
        yield (), lease.renewed_wall_ns / 1e9


ROWS = (
    gauge(
        "node_condition_believed",
        "Conditions of this node's Node object, as the API server has them: 1 for the status that "
        "it believes. Absent unless api_server.read_node is on and it answers.",
        lambda s: believed(s.kubelet),
        labels=("condition", "status"),
    ),
    gauge(
        "node_lease_renewed_timestamp_seconds",
        "When the kubelet last renewed this node's lease, as the API server has it.",
        lambda s: renewed(s.kubelet),
    ),
    gauge(
        "kubelet_up",
        "Whether the kubelet's process lives, is not stopped, and its healthz answers; absent on "
        "nodes without one.",
        lambda s: well(s.kubelet),
    ),
    counter(
        "kubelet_healthz_silences",
        "Deadlines that have passed without an answer of its healthz.",
        lambda s: silences(s.kubelet),
    ),
    counter(
        "kubelet_healthz_failures",
        "Answers of its healthz that were not 200, and connections that it refused.",
        lambda s: failures(s.kubelet),
    ),
    counter(
        "kubelet_restarts",
        "Processes of the kubelet that came after another while the agent ran.",
        lambda s: restarts(s.kubelet),
    ),
)

HISTOGRAMS = (
    HistogramRow(
        name="nodewitness_kubelet_healthz_duration_seconds",
        help="Time that the kubelet's healthz took to answer, the answers that came late included.",
        labels=(),
        samples=lambda s: latencies(s.kubelet),
    ),
)
