"""Where the time of the node's CPUs goes, and how many tasks wait for one."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class CpuTimes(Struct, frozen=True, kw_only=True):
    """Time since boot, in clock ticks; or a share of it. User time has that of guests in it."""

    user: float  # nice included
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float  # the hypervisor gave the CPU to somebody else


class NodeStat(Struct, frozen=True, kw_only=True):
    """/proc/stat."""

    total: CpuTimes
    cpus: Mapping[int, CpuTimes]  # that are online
    running: int  # tasks on a CPU or waiting for one; the one that reads this is among them
    blocked: int  # tasks that wait for io


class Load(Struct, frozen=True, kw_only=True):
    """/proc/loadavg: runnable tasks and those in state D together."""

    one: float
    five: float
    fifteen: float


class CPUReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment; shares and queue are of the last `window_seconds`."""

    boottime_ns: int
    wall_ns: int
    cpus: int = 0
    window_seconds: float = 0.0
    shares: CpuTimes | None = None  # of all CPUs together; None: not known yet
    runnable: float = 0.0  # on average
    runnable_most: int = 0
    blocked: int = 0  # now
    load: Load | None = None
    busiest: int | None = None  # the CPU that spends most of its time in softirqs
    busiest_softirq: float = 0.0  # that share
    waiting_ratio: float | None = None  # cpu pressure, some avg10; None: not known

    @property
    def runnable_per_cpu(self) -> float:
        return self.runnable / self.cpus if self.cpus else 0.0
