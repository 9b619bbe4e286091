"""The CPUs: the answer to GetCPU, and its metric families."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import asdict

from agent.api.cpu import cpu_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.cpu import CPUReport

Samples = Iterator[tuple[tuple[str, ...], float]]


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
