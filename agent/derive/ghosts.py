"""Where the runtime's list and the cgroups contradict each other, and keep doing so.

Both change all the time, and neither is read at the same instant as the other: a container that is
being made has its cgroup before the runtime lists it (containerd adds a sandbox at the end of
RunPodSandbox), and one that ends is listed for a moment longer. So a contradiction counts only if
two whole answers have it, with the grace between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from agent.inventory.records import ContainerRecord
from agent.model.afterlife import Ghost, Hollow, Life, RuntimeState, RuntimeView
from agent.model.cgroup import CgroupId

GRACE_NS = 10 * 10**9
"""Between the first answer with the contradiction and the one that makes it a claim: longer than a
runtime takes from the first process of a sandbox to its listing, a slow CNI aside, for that works
before the process.
"""


class Ghosts(Struct):
    """Containers that live in the kernel alone, by cgroup."""

    _populated_since: dict[CgroupId, int] = field(default_factory=dict)
    _missing_since: dict[CgroupId, int] = field(default_factory=dict)
    _claimed: dict[CgroupId, Ghost] = field(default_factory=dict)

    def lives(
        self, now_ns: int, records: Iterable[ContainerRecord], lives: Mapping[CgroupId, Life]
    ) -> None:
        """Hear which cgroups hold processes now."""
        there = {r.id for r in records if _populated(lives.get(r.id)) is True}
        self._populated_since = {key: self._populated_since.get(key, now_ns) for key in there}
        for book in (self._missing_since, self._claimed):
            for key in book.keys() - there:
                del book[key]

    def answered(self, view: RuntimeView, records: Iterable[ContainerRecord]) -> None:
        """Hear a whole answer of the runtime."""
        for record in records:
            since = self._populated_since.get(record.id)
            if since is None or since > view.asked_boottime_ns:
                continue
            if record.place.container_id in view.entries:
                self._missing_since.pop(record.id, None)
                self._claimed.pop(record.id, None)
                continue
            first = self._missing_since.setdefault(record.id, view.asked_boottime_ns)
            if view.asked_boottime_ns - first >= GRACE_NS:
                self._claimed[record.id] = Ghost(
                    container=record.names,
                    cgroup=record.place.path,
                    since_boottime_ns=first,
                    asked_boottime_ns=view.asked_boottime_ns,
                    known=len(view.entries),
                )

    @property
    def suspicious(self) -> bool:
        """Whether the next answer can make a claim, or end one."""
        return bool(self._missing_since)

    def claimed(self) -> dict[CgroupId, Ghost]:
        return dict(self._claimed)


class HollowOnes(Struct):
    """Containers that live in the runtime's list alone, by container id.

    Sandboxes are left out: CRI-O runs none of their own where it need not.
    """

    _since: dict[str, int] = field(default_factory=dict)
    _claimed: dict[str, Hollow] = field(default_factory=dict)

    def lives(self, alive: Mapping[str, Life]) -> None:
        """Hear of all containers that have a cgroup, by id: with a process it is not hollow."""
        for book in (self._since, self._claimed):
            for key in [key for key in book if not _is_hollow(alive.get(key))]:
                del book[key]

    def answered(
        self,
        view: RuntimeView,
        alive: Mapping[str, Life],
        records: Mapping[str, ContainerRecord],
        pods: frozenset[str],
    ) -> None:
        """Hear a whole answer. `records` has all that is known, the recently dead included; a
        container of which neither a cgroup nor its pod's was seen may run where we do not look.
        """
        for key, entry in view.entries.items():
            record = records.get(key)
            known = record is not None or entry.names.pod_uid in pods
            running = entry.state is RuntimeState.RUNNING and not entry.sandbox
            if not (running and known and _is_hollow(alive.get(key))):
                self._since.pop(key, None)
                self._claimed.pop(key, None)
                continue
            first = self._since.setdefault(key, view.asked_boottime_ns)
            if view.asked_boottime_ns - first >= GRACE_NS:
                self._claimed[key] = Hollow(
                    container=entry.names if record is None else record.names,
                    cgroup=record.place.path if record is not None and key in alive else "",
                    since_boottime_ns=first,
                    asked_boottime_ns=view.asked_boottime_ns,
                    init_pid=None if record is None else record.init_pid,
                )
        for book in (self._since, self._claimed):
            for key in book.keys() - view.entries.keys():
                del book[key]

    @property
    def suspicious(self) -> bool:
        """As of Ghosts."""
        return bool(self._since)

    def claimed(self) -> dict[str, Hollow]:
        return dict(self._claimed)


def _populated(life: Life | None) -> bool | None:
    return None if life is None else life.populated


def _is_hollow(life: Life | None) -> bool:
    """Its cgroup is gone, or known to be empty; one that cannot be read proves nothing."""
    return life is None or life.populated is False
