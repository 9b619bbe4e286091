"""Who reads from and writes to which device: a pure fold over io.stat of the sweeps.

https://docs.kernel.org/admin-guide/cgroup-v2.html#io-interface-files
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from agent.model.cgroup import CgroupId, CgroupPlace
from agent.model.disks import DiskUser
from agent.model.oom import Container
from agent.model.usage import CgroupKind, CgroupSample, DeviceIO, Sweep

LATELY_NS = 60 * 1_000_000_000
"""Who has done nothing for longer is not told."""
MAX_USERS = 5

_KINDS = (CgroupKind.CONTAINER, CgroupKind.SERVICE)
_Key = tuple[CgroupId, str]


class _Use(Struct, frozen=True):
    boottime_ns: int
    place: CgroupPlace
    read: float
    written: float


class DiskUsers(Struct, kw_only=True):
    """Remembers the last counters, and the last rates above zero."""

    names: Callable[[CgroupPlace], Container | None]
    _last: dict[_Key, tuple[int, DeviceIO]] = field(default_factory=dict)
    _used: dict[_Key, _Use] = field(default_factory=dict)

    def take(self, sweep: Sweep) -> None:
        """One sweep."""
        former, self._last = self._last, {}
        for key, sample in sweep.samples.items():
            if sample.kind in _KINDS:
                for device, now in sample.io.items():
                    self._compare((key, device), sample, now, former)

    def _compare(
        self,
        key: _Key,
        sample: CgroupSample,
        now: DeviceIO,
        former: dict[_Key, tuple[int, DeviceIO]],
    ) -> None:
        at = sample.full_boottime_ns or sample.boottime_ns
        last = former.get(key)
        if last is not None and at <= last[0]:  # the same sample once more
            self._last[key] = last
            return
        self._last[key] = at, now
        if last is None:
            return
        seconds = (at - last[0]) / 1e9
        read = max(0, now.read_bytes - last[1].read_bytes) / seconds
        written = max(0, now.written_bytes - last[1].written_bytes) / seconds
        if read or written:
            self._used[key] = _Use(at, sample.place, read, written)

    def users(self, now_ns: int) -> dict[str, tuple[DiskUser, ...]]:
        """By device, those with the most bytes first."""
        self._used = {k: u for k, u in self._used.items() if now_ns - u.boottime_ns < LATELY_NS}
        found: dict[str, list[_Use]] = {}
        for (_, device), use in self._used.items():
            found.setdefault(device, []).append(use)
        return {
            device: tuple(
                DiskUser(
                    names=self.names(use.place),
                    unit=use.place.unit,
                    read_bytes_per_second=use.read,
                    written_bytes_per_second=use.written,
                )
                for use in sorted(uses, key=lambda use: -(use.read + use.written))[:MAX_USERS]
            )
            for device, uses in found.items()
        }
