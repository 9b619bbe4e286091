"""What runs at one moment, and what the last sweep says of it."""

from __future__ import annotations

from msgspec import Struct

from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.cgroup import CgroupId
from agent.model.rates import Derived, UsageReport
from agent.model.usage import CgroupSample

_NOTHING = Derived()


class Running(Struct, frozen=True, kw_only=True):
    """`report` is None before the first sweep."""

    containers: tuple[ContainerRecord, ...]
    pods: tuple[PodRecord, ...]
    wall_offset_ns: int  # the wall clock less CLOCK_BOOTTIME
    report: UsageReport | None = None

    def sample(self, key: CgroupId | None) -> CgroupSample | None:
        """What the last sweep has of a cgroup."""
        if self.report is None or key is None:
            return None
        return self.report.sweep.samples.get(key)

    def derived(self, key: CgroupId) -> Derived:
        """What follows from that and earlier ones."""
        return _NOTHING if self.report is None else self.report.derived.get(key, _NOTHING)

    @property
    def missed(self) -> int:
        """Cgroups that the last sweep could not read."""
        return 0 if self.report is None else self.report.sweep.missed
