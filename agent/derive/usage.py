"""Rates of each cgroup, and the time until its memory limit, from sweeps

A rate is what a counter has grown by between two full samples of the same cgroup (the same inode),
over the time between them. The time to the limit is told where a straight line fits the working
set (agent.derive.trend), and where it has not fallen lately by as much as the line says that it
rises: a heap that is collected now and then climbs in straight lines too.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from agent.derive.trend import (
    FORESIGHT,
    SAWTOOTH,
    SAWTOOTH_SECONDS,
    WINDOWS_SECONDS,
    deepest_fall,
    seconds_until,
    trend,
)
from agent.model.cgroup import CgroupId
from agent.model.memory import Trend
from agent.model.rates import Derived, Rates, Shares
from agent.model.usage import CgroupKind, CgroupSample, CPUUse, DeviceIO, MemoryUse, Pressure, Sweep

STEP_NS = 2 * 1_000_000_000
"""Between two figures of a working set that are kept, 16 bytes each."""
KEPT_STEPS = SAWTOOTH_SECONDS * 1_000_000_000 // STEP_NS
_SOON_NS = STEP_NS * 9 // 10
STEP = 256
"""Cgroups that are looked at before the event loop runs: a millisecond on bare metal."""

_PREDICTED = frozenset({CgroupKind.CONTAINER, CgroupKind.POD, CgroupKind.SERVICE})
_FARTHEST_SECONDS = max(WINDOWS_SECONDS) * FORESIGHT
_NOTHING = Derived()


class UsageFold:
    """A fold over sweeps; forgets a cgroup that is there no more."""

    def __init__(self) -> None:
        self._known: dict[CgroupId, _Known] = {}
        self.derived: Mapping[CgroupId, Derived] = {}
        """Of each cgroup of the last sweep; at first nothing."""

    def observe(self, sweep: Sweep) -> Mapping[CgroupId, Derived]:
        """One sweep, at once."""
        for _ in self.steps(sweep):
            pass
        return self.derived

    def steps(self, sweep: Sweep) -> Iterator[None]:
        """One sweep, in `derived` when it is done; between the steps others may run."""
        before, known, derived = self._known, {}, {}
        for at, (key, sample) in enumerate(sweep.samples.items(), 1):
            if at % STEP == 0:
                yield
            of = known[key] = before.get(key) or _Known()
            derived[key] = of.observe(sample)
        known |= {key: before[key] for key in sweep.failed if key in before}
        self._known, self.derived = known, derived


class _Known:
    """What is kept of one cgroup."""

    __slots__ = ("derived", "full", "history")

    def __init__(self) -> None:
        self.derived = _NOTHING
        self.full: CgroupSample | None = None  # the last full one
        self.history: _History | None = None

    def observe(self, sample: CgroupSample) -> Derived:
        """What follows from this sample and the earlier ones."""
        history, known = self.history, self.derived
        if sample.memory is None or sample.kind not in _PREDICTED:
            history = self.history = None
        else:
            if history is None:
                history = self.history = _History()
            history.add(sample.boottime_ns, sample.memory)
        if sample.full_boottime_ns == sample.boottime_ns:
            growth, seconds = (None, None) if history is None else _to_limit(sample, history)
            known = self.derived = Derived(
                rates=known.rates if self.full is None else rates(self.full, sample),
                growth=growth,
                seconds_to_limit=seconds,
            )
            self.full = sample
        elif known.growth is not None and self.full is not None:
            known = self.derived = _since(self.full, sample, known)
        return known


class _History:
    """Working sets of the last five minutes, a figure in two seconds."""

    __slots__ = ("levels", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.levels = array("q")

    def add(self, now_ns: int, memory: MemoryUse) -> None:
        times = self.times
        if times and now_ns - times[-1] < _SOON_NS:
            return
        times.append(now_ns)
        self.levels.append(memory.working_set)
        if len(times) > KEPT_STEPS:
            del times[0], self.levels[0]


def rates(before: CgroupSample, now: CgroupSample) -> Rates | None:
    """Between two full samples; None if they are not of one cgroup, or of one moment."""
    ns = now.boottime_ns - before.boottime_ns
    if before.id != now.id or ns <= 0:
        return None
    us = ns / 1e3
    return Rates(
        seconds=ns / 1e9,
        cpu_cores=None
        if before.cpu is None or now.cpu is None
        else _up(before.cpu.usage_us, now.cpu.usage_us) / us,
        throttled_ratio=_throttled(before.cpu, now.cpu),
        read_bytes_per_second=_io(before, now, ns, lambda device: device.read_bytes),
        written_bytes_per_second=_io(before, now, ns, lambda device: device.written_bytes),
        cpu_pressure=_shares(before.cpu_pressure, now.cpu_pressure, us),
        memory_pressure=_shares(before.memory_pressure, now.memory_pressure, us),
        io_pressure=_shares(before.io_pressure, now.io_pressure, us),
    )


def _to_limit(sample: CgroupSample, history: _History) -> tuple[Trend | None, float | None]:
    """(how the working set grows, seconds until it is at the limit)"""
    limit, times, levels = sample.limits.memory_max, history.times, history.levels
    grown = levels[-1] - levels[0]
    if not isinstance(limit, int) or grown <= 0:
        return None, None
    left = limit - levels[-1]
    if left * (times[-1] - times[0]) > grown * _FARTHEST_SECONDS * 1e9 * KEPT_STEPS:
        return None, None  # not worth a fit
    falling = trend([(time, -level) for time, level in zip(times, levels, strict=True)])
    if falling is None or falling.per_second >= 0:
        return None, None
    rise = -falling.per_second * falling.window_seconds
    if deepest_fall(levels) > SAWTOOTH * rise:
        return None, None
    growth = replace(falling, per_second=-falling.per_second)
    return growth, seconds_until(-levels[-1], -limit, falling)


def _since(before: CgroupSample, now: CgroupSample, known: Derived) -> Derived:
    """The line of the last full sample goes on, unless the working set has fallen since."""
    limit, growth = now.limits.memory_max, known.growth
    if before.memory is None or now.memory is None or growth is None:
        return known
    level = now.memory.working_set
    if not isinstance(limit, int) or level < before.memory.working_set:
        return Derived(rates=known.rates)
    falling = replace(growth, per_second=-growth.per_second)
    seconds = seconds_until(-level, -limit, falling)
    return Derived(rates=known.rates, growth=growth, seconds_to_limit=seconds)


def _up(before: int, now: int) -> int:
    return max(0, now - before)


def _throttled(before: CPUUse | None, now: CPUUse | None) -> float | None:
    """None without a limit: then no period is counted."""
    if before is None or now is None:
        return None
    if None in (before.periods, now.periods, before.throttled_periods, now.throttled_periods):
        return None
    periods = _up(before.periods or 0, now.periods or 0)
    throttled = _up(before.throttled_periods or 0, now.throttled_periods or 0)
    return throttled / periods if periods else None


def _io(
    before: CgroupSample, now: CgroupSample, ns: int, count: Callable[[DeviceIO], int]
) -> float | None:
    """Over all devices. A cgroup without io.stat has no io pressure either."""
    if now.io_pressure is None and not now.io:
        return None
    moved = sum(
        _up(count(before.io[name]) if name in before.io else 0, count(device))
        for name, device in now.io.items()
    )
    return moved / (ns / 1e9)


def _shares(before: Pressure | None, now: Pressure | None, us: float) -> Shares | None:
    if before is None or now is None:
        return None
    stalled = None
    if before.full_us is not None and now.full_us is not None:
        stalled = min(1.0, _up(before.full_us, now.full_us) / us)
    return Shares(waiting=min(1.0, _up(before.some_us, now.some_us) / us), stalled=stalled)
