"""One cgroup of the sweep: which files are read how often, and what they make

Each time: memory, CPU and the pressure of memory, on kept descriptors. Every few seconds all the
rest. What the kernel has not written anew is not parsed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from agent.host.cgroup_files import CgroupFiles
from agent.model.cgroup import CgroupId, CgroupPlace, MemoryEvents
from agent.model.usage import (
    CgroupKind,
    CgroupSample,
    CPUUse,
    DeviceIO,
    Limits,
    MemoryUse,
    Pressure,
)
from agent.parse.cgroup_events import parse_cgroup_events
from agent.parse.cpu_max import parse_cpu_max
from agent.parse.cpu_stat import parse_cpu_stat
from agent.parse.digits import number
from agent.parse.io_stat import parse_io_stat
from agent.parse.memory_events import parse_memory_events
from agent.parse.memory_limit import parse_limit_in_bytes, parse_memory_max
from agent.parse.memory_stat import MemoryStat, parse_memory_stat, parse_memory_stat_v1
from agent.parse.pids_max import parse_pids_max
from agent.parse.pressure import parse_pressure

LIMITS_EVERY = 6
"""Full samples between two looks at the limits that hardly change; the first two look too."""

T = TypeVar("T")


class Swept(Protocol):
    """One followed cgroup. Its owner closes the files."""

    files: CgroupFiles

    def sample(self, kind: CgroupKind, now_ns: int, *, full: bool) -> CgroupSample:
        """Read it now. Raises SourceAbsent, ParseError."""
        ...


class SweptV2:
    """On cgroup v2."""

    HOT = ("memory.current", "memory.stat", "cpu.stat", "memory.pressure")

    def __init__(self, key: CgroupId, place: CgroupPlace, files: CgroupFiles) -> None:
        self.files = files
        self._key = key
        self._place = place
        self._hot: list[bytes] = [b""] * len(self.HOT)
        self._stat: MemoryStat | None = None
        self._memory: MemoryUse | None = None
        self._cpu: CPUUse | None = None
        self._pressure: Pressure | None = None
        self._full: CgroupSample | None = None
        self._fulls = 0

    def sample(self, kind: CgroupKind, now_ns: int, *, full: bool) -> CgroupSample:
        """Read it now. Raises SourceAbsent, ParseError."""
        before, hot = self._hot, self.files.hot()
        current, stat, cpu, pressure = hot
        if stat != before[1]:
            self._stat = parse_memory_stat(stat) if stat else None
        if cpu != before[2]:
            self._cpu = parse_cpu_stat(cpu) if cpu else None
        if pressure != before[3]:
            self._pressure = parse_pressure(pressure) if pressure else None
        self._hot = hot
        rest = self._full
        if full or rest is None:
            self._memory = self._use(
                current,
                self._number("memory.swap.current"),
                self._number("memory.peak"),
                self._parsed("memory.events", parse_memory_events),
            )
            rest = self._full = self._whole(kind, now_ns)
            return rest
        if current != before[0] or stat != before[1]:
            known = self._memory
            self._memory = self._use(
                current,
                None if known is None else known.swap,
                None if known is None else known.peak,
                None if known is None else known.events,
            )
        return CgroupSample(
            id=self._key,
            place=self._place,
            kind=kind,
            boottime_ns=now_ns,
            full_boottime_ns=rest.full_boottime_ns,
            memory=self._memory,
            cpu=self._cpu,
            io=rest.io,
            cpu_pressure=rest.cpu_pressure,
            memory_pressure=self._pressure,
            io_pressure=rest.io_pressure,
            pids=rest.pids,
            populated=rest.populated,
            frozen=rest.frozen,
            limits=rest.limits,
        )

    def _use(
        self, current: bytes, swap: int | None, peak: int | None, events: MemoryEvents | None
    ) -> MemoryUse | None:
        """None without the memory controller, and at the root."""
        stat = self._stat
        if stat is None or not current:
            return None
        now = number(current.rstrip(b"\n"), "memory.current")
        return MemoryUse(
            current=now,
            anon=stat.anon,
            file=stat.file,
            inactive_file=stat.inactive_file,
            kernel=stat.kernel,
            shmem=stat.shmem,
            refaults=stat.refaults,
            swap=swap,
            peak=_at_least(peak, now),
            events=events,
        )

    def _whole(self, kind: CgroupKind, now_ns: int) -> CgroupSample:
        events = self._parsed("cgroup.events", parse_cgroup_events)
        return CgroupSample(
            id=self._key,
            place=self._place,
            kind=kind,
            boottime_ns=now_ns,
            full_boottime_ns=now_ns,
            memory=self._memory,
            cpu=self._cpu,
            io=self._devices(),
            cpu_pressure=self._parsed("cpu.pressure", parse_pressure),
            memory_pressure=self._pressure,
            io_pressure=self._parsed("io.pressure", parse_pressure),
            pids=self._number("pids.current"),
            populated=None if events is None else events.populated,
            frozen=None if events is None else events.frozen,
            limits=self._limits(),
        )

    def _devices(self) -> Mapping[str, DeviceIO]:
        """The line of a device that is taken away goes; what was read and written there stays."""
        now = self._parsed("io.stat", parse_io_stat) or {}
        before = {} if self._full is None else self._full.io
        return {**before, **now}

    def _limits(self) -> Limits:
        """Memory and CPU at each full sample, for they can be changed in place."""
        quota, period = self._parsed("cpu.max", parse_cpu_max) or (None, None)
        memory_max = self._parsed("memory.max", parse_memory_max)
        known = None if self._full is None else self._full.limits
        self._fulls += 1
        if known is not None and self._fulls > 2 and self._fulls % LIMITS_EVERY:
            if (known.memory_max, known.cpu_quota_us, known.cpu_period_us) == (
                memory_max,
                quota,
                period,
            ):
                return known
        else:
            self.files.reopen()
        return Limits(
            memory_max=memory_max,
            memory_high=self._parsed("memory.high", parse_memory_max),
            memory_min=self._parsed("memory.min", parse_memory_max),
            swap_max=self._parsed("memory.swap.max", parse_memory_max),
            cpu_quota_us=quota,
            cpu_period_us=period,
            cpu_weight=self._number("cpu.weight"),
            pids_max=self._parsed("pids.max", parse_pids_max),
        )

    def _parsed(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        """None: there is no such file; of io.stat also: nothing was read or written."""
        data = self.files.read(name)
        return parse(data) if data else None

    def _number(self, name: str) -> int | None:
        data = self.files.read(name)
        return number(data.rstrip(b"\n"), name) if data else None


_LEAVES = (CgroupKind.CONTAINER, CgroupKind.SANDBOX, CgroupKind.SERVICE)


class SweptV1:
    """On the memory hierarchy of cgroup v1: memory alone. CPU, io and tasks are in others."""

    HOT = ("memory.usage_in_bytes", "memory.stat")

    def __init__(self, key: CgroupId, place: CgroupPlace, files: CgroupFiles) -> None:
        self.files = files
        self._key = key
        self._place = place
        self._hot: list[bytes] = [b""] * len(self.HOT)
        self._stat: MemoryStat | None = None
        self._full_ns = 0
        self._peak: int | None = None
        self._populated: bool | None = None
        self._limits = Limits()

    def sample(self, kind: CgroupKind, now_ns: int, *, full: bool) -> CgroupSample:
        """Read it now. Raises SourceAbsent, ParseError."""
        hot = self.files.hot()
        usage, stat = hot
        if stat != self._hot[1]:
            self._stat = parse_memory_stat_v1(stat) if stat else None
        self._hot = hot
        if full or not self._full_ns:
            self._full_ns = now_ns
            peak = self.files.read("memory.max_usage_in_bytes")
            limit = self.files.read("memory.limit_in_bytes")
            self._peak = number(peak.rstrip(b"\n"), "memory.max_usage_in_bytes") if peak else None
            self._limits = Limits(memory_max=parse_limit_in_bytes(limit) if limit else None)
            if kind in _LEAVES:  # v1's list is of this cgroup alone
                self._populated = bool(self.files.read("cgroup.procs").strip())
        known = self._stat
        memory = None
        if known is not None and usage:
            current = number(usage.rstrip(b"\n"), "memory.usage_in_bytes")
            self._peak = _at_least(self._peak, current)
            memory = MemoryUse(
                current=current,
                anon=known.anon,
                file=known.file,
                inactive_file=known.inactive_file,
                shmem=known.shmem,
                refaults=known.refaults,
                swap=known.swap,
                peak=self._peak,
            )
        return CgroupSample(
            id=self._key,
            place=self._place,
            kind=kind,
            boottime_ns=now_ns,
            full_boottime_ns=self._full_ns,
            memory=memory,
            populated=self._populated,
            limits=self._limits,
        )


def _at_least(peak: int | None, current: int) -> int | None:
    """The peak is read less often than what it is the peak of, which may have passed it since."""
    return None if peak is None else max(peak, current)
