"""The CPUs: the answer to GetCPU, and its metric families."""

from __future__ import annotations

from msgspec.structs import asdict

from agent.api.cpu import cpu_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.cpu import CPUReport
from agent.serve.row import Samples, gauge


def answer(report: CPUReport) -> pb.GetCPUResponse:
    """All of it."""
    return pb.GetCPUResponse(cpu=cpu_to_wire(report))


def shares(report: CPUReport | None) -> Samples:
    """By what they did."""
    if report is not None and report.shares is not None:
        for mode, share in asdict(report.shares).items():
            yield (mode,), share


def runnable(report: CPUReport | None) -> Samples:
    """On average."""
    if report is not None:
        yield (), report.runnable


def online(report: CPUReport | None) -> Samples:
    """CPUs."""
    if report is not None:
        yield (), report.cpus


def busiest(report: CPUReport | None) -> Samples:
    """The softirq share of the CPU with the largest."""
    if report is not None and report.shares is not None:
        yield (), report.busiest_softirq


ROWS = (
    gauge(
        "cpu_share_ratio",
        "Where the time of all CPUs together went in the last ten seconds; steal is what the "
        "hypervisor gave to others.",
        lambda s: shares(s.cpu),
        labels=("mode",),
    ),
    gauge(
        "cpu_runnable_tasks",
        "Tasks on a CPU or waiting for one, on average of the last ten seconds.",
        lambda s: runnable(s.cpu),
    ),
    gauge("cpus_online", "CPUs that are online.", lambda s: online(s.cpu)),
    gauge(
        "cpu_softirq_busiest_ratio",
        "Share of its time that the CPU with the most soft interrupts spent in them.",
        lambda s: busiest(s.cpu),
    ),
)
