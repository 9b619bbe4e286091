"""etcd of this node: found now and then, its disk looked up in each report of the block devices.

All reading is done in a worker that can be left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from agent.derive.disk_chain import disk_chain
from agent.host.absence import SourceAbsent
from agent.host.etcd import EtcdFinder
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.cgroup import CgroupPlace
from agent.model.disks import DiskState, Etcd, EtcdProcess
from agent.model.oom import Container
from agent.model.rates import UsageReport
from agent.parse.cgroup_path import place

FIND_NS = 15 * 1_000_000_000
FIND_SECONDS = 5.0
SYSTEM_NAMESPACE = "kube-system"
"""A pod of another namespace may call a process etcd, and is not the node's."""


class EtcdWatch(Struct, kw_only=True):
    """What was found last."""

    finder: EtcdFinder
    workers: Workers
    names: Callable[[CgroupPlace], Container | None]
    usage: Callable[[], UsageReport | None]
    _found: list[EtcdProcess] = field(default_factory=list)
    _due_ns: int = 0

    async def look(self, now_ns: int) -> None:
        """Find it again, if that is due. While looking hangs, what was found stays."""
        if now_ns < self._due_ns:
            return
        self._due_ns = now_ns + FIND_NS
        try:
            self._found = await self.workers.run(self.finder.find, deadline_seconds=FIND_SECONDS)
        except (Abandoned, TooManyAbandoned, SourceAbsent):
            return

    def etcd(self, disks: tuple[DiskState, ...]) -> tuple[Etcd, ...]:
        """Those of the node, with their disks as they are now."""
        waiting = self._waiting() if self._found else {}
        found = []
        for process in self._found:
            where = place(process.cgroup)
            names = self.names(where)
            if where.pod_uid and (names is None or names.namespace != SYSTEM_NAMESPACE):
                continue
            found.append(
                Etcd(
                    process=process,
                    names=names,
                    unit=where.unit,
                    chain=tuple(disk_chain(process.device, disks)),
                    waiting_ratio=waiting.get(where.container_path or where.path),
                )
            )
        return tuple(found)

    def _waiting(self) -> Mapping[str, float]:
        """By cgroup: of the time between its last two samples, in how much some task waited."""
        report = self.usage()
        if report is None:
            return {}
        found = {}
        for key, sample in report.sweep.samples.items():
            derived = report.derived.get(key)
            rates = None if derived is None else derived.rates
            if rates is not None and rates.io_pressure is not None:
                found[sample.place.path] = rates.io_pressure.waiting
        return found
