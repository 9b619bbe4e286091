"""How a container and its node fared when it ended: the last sweep, and the node's pressure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from agent.model.cgroup import CgroupId, Limit
from agent.model.exits import Strain
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport, Resource, Scope
from agent.model.rates import Derived
from agent.model.usage import CgroupSample, Sweep

FRESH_NS = 15_000_000_000
"""The averages are of ten seconds and are read every ten: what is older tells of another time."""


class StrainFinder(Struct, frozen=True, kw_only=True):
    """Asks for the last sweep and the last report, which may not be there (yet)."""

    sweep: Callable[[], Sweep | None]
    derived: Callable[[], Mapping[CgroupId, Derived]] = dict  # of that sweep
    pressure: Callable[[], PressureReport | None]
    plumbing: Callable[[], PlumbingReport | None] = lambda: None

    def of(self, container: CgroupId, now_ns: int) -> Strain:
        """What was read of it last, and of the node; None for what was not, or is too old."""
        sweep, node = self.sweep(), self.pressure()
        sample = None if sweep is None else sweep.samples.get(container)
        if sample is not None and now_ns - sample.boottime_ns > FRESH_NS:
            sample = None
        full = sample  # what is read in full less often: CPU and io
        if sample is not None and now_ns - sample.full_boottime_ns > FRESH_NS:
            full = None
        if node is not None and now_ns - node.boottime_ns > FRESH_NS:
            node = None
        return Strain(
            memory_working_set=None
            if sample is None or sample.memory is None
            else sample.memory.working_set,
            memory_limit=_limit(sample),
            memory_pressure_full=None
            if sample is None or sample.memory_pressure is None
            else sample.memory_pressure.full_avg10,
            cpu_pressure_some=None
            if full is None or full.cpu_pressure is None
            else full.cpu_pressure.some_avg10,
            cpu_throttled_ratio=_throttled(full, self.derived().get(container)),
            io_pressure_full=None
            if full is None or full.io_pressure is None
            else full.io_pressure.full_avg10,
            node_cpu_pressure_some=_node(node, Resource.CPU, full=False),
            node_memory_pressure_full=_node(node, Resource.MEMORY, full=True),
            node_io_pressure_full=_node(node, Resource.IO, full=True),
            network_saturated=_saturated(self.plumbing(), now_ns),
        )


def _throttled(sample: CgroupSample | None, derived: Derived | None) -> float | None:
    """Between its last two full samples; of all its life if there was one."""
    if sample is None or sample.cpu is None:
        return None
    if derived is not None and derived.rates is not None:
        return derived.rates.throttled_ratio
    cpu = sample.cpu
    return (cpu.throttled_periods or 0) / cpu.periods if cpu.periods else None


def _limit(sample: CgroupSample | None) -> int | None:
    limit = None if sample is None else sample.limits.memory_max
    return None if limit is None or isinstance(limit, Limit) else limit


def _saturated(report: PlumbingReport | None, now_ns: int) -> bool | None:
    """Whether the node lost or delayed packets for want of room."""
    if report is None or now_ns - report.sample.boottime_ns > FRESH_NS:
        return None
    return report.rates.saturated


def _node(report: PressureReport | None, resource: Resource, *, full: bool) -> float | None:
    level = None if report is None else report.level(Scope.NODE, resource)
    if level is None:
        return None
    return level.full_avg10 if full else level.some_avg10
