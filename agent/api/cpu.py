"""The CPUs on the wire: agent.model.cpu and cpu.proto."""

from __future__ import annotations

from agent.api.v1 import cpu_pb2 as pb
from agent.api.wire import duration, timestamp
from agent.model.cpu import CPUReport, CpuTimes


def cpu_to_wire(report: CPUReport) -> pb.CPUReport:
    """A message of the caller's own."""
    load = report.load
    return pb.CPUReport(
        at=timestamp(report.wall_ns),
        cpus=report.cpus,
        window=duration(report.window_seconds),
        shares=None if report.shares is None else _shares(report.shares),
        runnable=report.runnable,
        runnable_most=report.runnable_most,
        blocked=report.blocked,
        load=() if load is None else (load.one, load.five, load.fifteen),
        softirq_cpu=report.busiest,
        softirq_cpu_ratio=report.busiest_softirq,
        waiting_ratio=report.waiting_ratio,
    )


def _shares(shares: CpuTimes) -> pb.CPUShares:
    return pb.CPUShares(
        user=shares.user,
        system=shares.system,
        idle=shares.idle,
        iowait=shares.iowait,
        irq=shares.irq,
        softirq=shares.softirq,
        steal=shares.steal,
    )
