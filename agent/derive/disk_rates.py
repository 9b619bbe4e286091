"""How fast block devices answer, and which do not: a pure fold over /proc/diskstats.

That a request is in flight at two looks, and that none has ended between them, proves that it is
the same one. device-mapper holds back what is asked of a suspended device before it counts it, so
that such a device is stuck for as long as it is suspended.

https://docs.kernel.org/admin-guide/iostats.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from agent.model.disks import Disk, DiskCounters, DiskState, DiskUser, Op, OpCounters, OpRate

WINDOW_SECONDS = 10


class _Kept(Struct):
    samples: deque[tuple[int, DiskCounters]] = field(
        default_factory=lambda: deque(maxlen=WINDOW_SECONDS + 1)
    )
    stuck_ns: int | None = None
    suspended: bool = False


class DiskRates:
    """Knows each device by its number and its name: a number is used again for another."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def take(
        self, counters: Iterable[DiskCounters], suspended: Mapping[str, bool], now_ns: int
    ) -> None:
        """One look, of whole devices; `suspended` by name. What is missing is forgotten."""
        former, self._kept = self._kept, {}
        for now in counters:
            key = (now.id, now.name)
            kept = former.get(key) or _Kept()
            self._kept[key] = kept
            held = suspended.get(now.name, False)
            last = kept.samples[-1][1] if kept.samples else None
            if now.in_flight == 0 and not held:
                kept.stuck_ns = None
            elif (
                kept.stuck_ns is None
                or last is None
                or last.ended != now.ended
                or held != kept.suspended
            ):
                kept.stuck_ns = now_ns
            kept.suspended = held
            kept.samples.append((now_ns, now))

    def states(
        self, disks: Mapping[str, Disk], users: Mapping[str, tuple[DiskUser, ...]]
    ) -> tuple[DiskState, ...]:
        """Of the devices that are described; users by device."""
        found = []
        for (identity, _), kept in self._kept.items():
            disk = disks.get(identity)
            if disk is not None and kept.samples:
                ids = (identity, *disk.part_ids)
                who = tuple(user for each in ids for user in users.get(each, ()))
                found.append(_state(disk, kept, who))
        return tuple(found)


def _state(disk: Disk, kept: _Kept, users: tuple[DiskUser, ...]) -> DiskState:
    (then_ns, then), (now_ns, now) = kept.samples[0], kept.samples[-1]
    seconds = (now_ns - then_ns) / 1e9
    rates = {}
    busy = queue = 0.0
    if seconds > 0:
        for op, before, after in _ops(then, now):
            if before is not None and after is not None:
                rates[op] = _rate(before, after, seconds)
        busy = min(1.0, max(0, now.busy_ms - then.busy_ms) / 1e3 / seconds)
        queue = max(0, now.weighted_ms - then.weighted_ms) / 1e3 / seconds
    return DiskState(
        disk=disk,
        in_flight=now.in_flight,
        suspended=kept.suspended,
        window_seconds=seconds,
        rates=rates,
        busy_ratio=busy,
        queue=queue,
        stuck_since_boottime_ns=kept.stuck_ns,
        users=users,
    )


def _ops(
    then: DiskCounters, now: DiskCounters
) -> Iterable[tuple[Op, OpCounters | None, OpCounters | None]]:
    return (
        (Op.READ, then.reads, now.reads),
        (Op.WRITE, then.writes, now.writes),
        (Op.DISCARD, then.discards, now.discards),
        (Op.FLUSH, then.flushes, now.flushes),
    )


def _rate(before: OpCounters, after: OpCounters, seconds: float) -> OpRate:
    count = max(0, after.count - before.count)
    took = max(0, after.milliseconds - before.milliseconds) / 1e3
    return OpRate(
        per_second=count / seconds,
        bytes_per_second=max(0, after.bytes - before.bytes) / seconds,
        latency_seconds=took / count if count else None,
    )
