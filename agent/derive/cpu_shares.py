"""Where the CPUs' time went in the last ten seconds, and how long the queue was."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field
from msgspec.structs import fields

from agent.model.cpu import CPUReport, CpuTimes, Load, NodeStat

WINDOW_NS = 10 * 1_000_000_000
_FIELDS = tuple(each.name for each in fields(CpuTimes))


class CpuShares(Struct):
    """Owns the samples of the window, and one that is older than it."""

    _samples: deque[tuple[int, NodeStat]] = field(default_factory=deque)

    def take(
        self, stat: NodeStat, load: Load | None, waiting: float | None, now_ns: int, wall_ns: int
    ) -> CPUReport:
        """One more sample, and what follows from it."""
        self._samples.append((now_ns, stat))
        while len(self._samples) > 2 and now_ns - self._samples[1][0] >= WINDOW_NS:
            self._samples.popleft()
        since_ns, first = self._samples[0]
        queue = [_others(sample) for _, sample in self._samples]
        busiest, softirq = _busiest(first, stat)
        return CPUReport(
            boottime_ns=now_ns,
            wall_ns=wall_ns,
            cpus=len(stat.cpus),
            window_seconds=(now_ns - since_ns) / 1e9,
            shares=shares(first.total, stat.total),
            runnable=sum(queue) / len(queue),
            runnable_most=max(queue),
            blocked=stat.blocked,
            load=load,
            busiest=busiest,
            busiest_softirq=softirq,
            waiting_ratio=waiting,
        )


def shares(was: CpuTimes, now: CpuTimes) -> CpuTimes | None:
    """Of the time in between; None if none has passed. A counter that went back (idle and iowait do
    so now and then) has stood still.
    """
    gone = [max(0.0, getattr(now, name) - getattr(was, name)) for name in _FIELDS]
    total = sum(gone)
    if total <= 0:
        return None
    return CpuTimes(**{name: each / total for name, each in zip(_FIELDS, gone, strict=True)})


def _others(stat: NodeStat) -> int:
    """Without the task that read it."""
    return max(0, stat.running - 1)


def _busiest(was: NodeStat, now: NodeStat) -> tuple[int | None, float]:
    """The CPU with the most time in softirqs, and its share; None if none has any."""
    found: tuple[int | None, float] = (None, 0.0)
    for cpu, times in now.cpus.items():
        before = was.cpus.get(cpu)
        share = None if before is None else shares(before, times)
        if share is not None and share.softirq > found[1]:
            found = (cpu, share.softirq)
    return found
