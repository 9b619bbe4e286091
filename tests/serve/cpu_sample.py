"""A made-up report of an overcommitted node whose packets all come in on CPU 3."""

from __future__ import annotations

from agent.model.cpu import CPUReport, CpuTimes, Load
from tests.serve.runtime_sample import NOW_NS, WALL_NS

SHARES = CpuTimes(user=0.41, system=0.08, idle=0.16, iowait=0.02, irq=0.0, softirq=0.03, steal=0.3)
CPU = CPUReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    cpus=64,
    window_seconds=10.0,
    shares=SHARES,
    runnable=448.5,
    runnable_most=512,
    blocked=12,
    load=Load(one=450.25, five=401.0, fifteen=388.5),
    busiest=3,
    busiest_softirq=0.88,
    waiting_ratio=0.97,
)
