"""What follows from sweeps: rates, and how long until a limit. None: not known."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from agent.model.cgroup import CgroupId
from agent.model.memory import Trend
from agent.model.usage import Sweep


class Shares(Struct, frozen=True, kw_only=True):
    """Of the time between two samples: in how much of it some task waited, and all did. 0 to 1."""

    waiting: float
    stalled: float | None = None


class Rates(Struct, frozen=True, kw_only=True):
    """Between two full samples of one cgroup."""

    seconds: float  # between them
    cpu_cores: float | None = None
    throttled_ratio: float | None = None  # of the periods that had something to run
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None
    cpu_pressure: Shares | None = None
    memory_pressure: Shares | None = None
    io_pressure: Shares | None = None


class Derived(Struct, frozen=True, kw_only=True):
    """Of one cgroup."""

    rates: Rates | None = None
    growth: Trend | None = None  # of the working set, bytes per second; only where a line fits
    seconds_to_limit: float | None = None  # until it is memory.max, if all goes on so


class UsageReport(Struct, frozen=True, kw_only=True):
    """One sweep and what follows from it and those before."""

    wall_ns: int
    sweep: Sweep
    derived: Mapping[CgroupId, Derived]
