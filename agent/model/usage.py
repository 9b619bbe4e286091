"""What one sweep reads of one cgroup: raw counters and levels of one instant, as the kernel has it.

Rates and slopes are agent.derive's. None: this kernel or this hierarchy has no such file or line.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.cgroup import CgroupId, CgroupPlace, MemoryEvents, MemoryLimit


class CgroupKind(enum.Enum):
    """Whose resources a swept cgroup holds."""

    NODE = "node"  # the root
    KUBEPODS = "kubepods"
    QOS = "qos"
    POD = "pod"
    CONTAINER = "container"
    SANDBOX = "sandbox"
    SERVICE = "service"  # kubelet, containerd and other units of the node


class Pressure(Struct, frozen=True, kw_only=True):
    """One *.pressure file. Totals in microseconds since the cgroup was made, averages percent."""

    some_us: int
    full_us: int | None = None  # of cpu: Linux 5.13 and later
    some_avg10: float = 0.0
    full_avg10: float | None = None
    some_avg60: float = 0.0
    full_avg60: float | None = None
    some_avg300: float = 0.0
    full_avg300: float | None = None


class MemoryUse(Struct, frozen=True, kw_only=True):
    """memory.current, memory.stat and their neighbours; bytes."""

    current: int
    anon: int
    file: int
    inactive_file: int
    kernel: int | None = None
    shmem: int | None = None
    swap: int | None = None
    peak: int | None = None  # since Linux 5.19
    refaults: int | None = None  # workingset_refault_file: pages that came back
    events: MemoryEvents | None = None

    @property
    def working_set(self) -> int:
        """As the kubelet (cAdvisor) computes it: current - inactive_file, never below 0."""
        return max(0, self.current - self.inactive_file)


class CPUUse(Struct, frozen=True, kw_only=True):
    """cpu.stat; microseconds."""

    usage_us: int
    user_us: int
    system_us: int
    periods: int | None = None  # of cpu.max that had something to run; None: no cpu controller
    throttled_periods: int | None = None
    throttled_us: int | None = None


class DeviceIO(Struct, frozen=True, kw_only=True):
    """One device of io.stat; bytes and requests since the cgroup's creation."""

    read_bytes: int
    written_bytes: int
    reads: int
    writes: int


class Limits(Struct, frozen=True, kw_only=True):
    """What was set for a cgroup."""

    memory_max: MemoryLimit | None = None
    memory_high: MemoryLimit | None = None
    memory_min: MemoryLimit | None = None  # requests, where the kubelet's MemoryQoS sets them
    swap_max: MemoryLimit | None = None
    cpu_quota_us: int | None = None  # per cpu_period_us; None: no limit
    cpu_period_us: int | None = None
    cpu_weight: int | None = None  # from the CPU request
    pids_max: MemoryLimit | None = None

    @property
    def cpu_cores(self) -> float | None:
        """cpu.max in cores; None without a limit."""
        if self.cpu_quota_us is None or not self.cpu_period_us:
            return None
        return self.cpu_quota_us / self.cpu_period_us


class CgroupSample(Struct, frozen=True, kw_only=True):
    """One cgroup at one instant."""

    id: CgroupId
    place: CgroupPlace
    kind: CgroupKind
    boottime_ns: int
    full_boottime_ns: int = 0
    """When everything of it was read. At any other moment only memory, CPU and the pressure of
    memory are new: the rest is of this one."""
    memory: MemoryUse | None = None
    cpu: CPUUse | None = None
    io: Mapping[str, DeviceIO] = field(default_factory=dict)  # by "major:minor"
    cpu_pressure: Pressure | None = None
    memory_pressure: Pressure | None = None
    io_pressure: Pressure | None = None
    pids: int | None = None
    populated: bool | None = None  # cgroup.events: a process is in it or below
    frozen: bool | None = None
    limits: Limits = field(default_factory=Limits)


class Sweep(Struct, frozen=True, kw_only=True):
    """All cgroups that are followed, read one after the other."""

    started_boottime_ns: int
    ended_boottime_ns: int
    samples: Mapping[CgroupId, CgroupSample]
    missed: int = 0  # cgroups that could not be read, other than by having vanished
    late: frozenset[CgroupId] = frozenset()
    """Those read for the first time that may have been there long before."""
    failed: frozenset[CgroupId] = frozenset()
    """Those that are there, were opened, and could not be read this time."""
