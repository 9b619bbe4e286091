"""How containers end, as the exits ledger is told of it: by the cgroups, the process connector, the
signals, the OOM ledger, and the runtime's word and list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.clock import TICK_NS, Clock, ticks_to_ns
from agent.host.proc import ProcReader
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import merge
from agent.inventory.records import ContainerRecord
from agent.ledger.exit_series import ExitSeries, Labels
from agent.ledger.exits import ExitsLedger, Told
from agent.ledger.sight import Sight
from agent.model.absence import ParseError
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.death import SignalSent
from agent.model.event import OOMAmended, OOMRecorded, RuntimeDisagreement
from agent.model.evidence import (
    CgroupGone,
    EndSeen,
    ExitSeen,
    Observation,
    SenderSeen,
    SenderWanted,
    SignalSeen,
    SignalsMissed,
    SourceLost,
)
from agent.model.memory import MemoryReport
from agent.model.oom import Attribution
from agent.observe.signals import NAME as SIGNALS

EXITED = "EXITED"
FRESH_NS = 15_000_000_000
"""A report on thresholds that is older says nothing of now."""

Places = Callable[[tuple[tuple[int, int], ...]], Awaitable[dict[int, tuple[str, Attribution]]]]


class Endings:
    """Feeds the exits ledger. `memory` is the last report on the kubelet's thresholds."""

    def __init__(
        self,
        *,
        clock: Clock,
        proc: ProcReader,
        inventory: Inventory,
        ledger: ExitsLedger,
        series: ExitSeries,
        sight: Sight,
        places: Places,
        memory: Callable[[], MemoryReport | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._proc = proc
        self._inventory = inventory
        self._ledger = ledger
        self._series = series
        self._sight = sight
        self._places = places
        self._memory = memory

    def placed(self, sent: SignalSent) -> SignalSent:
        """With the sender's cgroup, if the signal is to the init of a container: at once, for who
        signals on a runtime's behalf is gone a moment later.
        """
        if sent.sender_pid == sent.target_pid or self._inventory.by_init(sent.target_pid) is None:
            return sent
        return replace(sent, sender_cgroup=self._cgroup(sent.sender_pid, sent.boottime_ns))

    def _cgroup(self, pid: int, boottime_ns: int) -> str:
        """Of the process that was `pid` then; empty if it is gone."""
        try:
            started_ns = ticks_to_ns(self._proc.stat(pid).start_ticks)
            if started_ns > boottime_ns + TICK_NS:
                return ""  # the pid is another's by now
            return self._proc.memory_cgroup(pid)
        except (SourceAbsent, ParseError):
            return ""

    def hear(self, item: Observation, now_ns: int) -> None:
        """One observation, after the inventory and the book of deaths have heard it."""
        match item:
            case CgroupGone() if item.place.level is CgroupLevel.POD:
                self._ledger.pod_gone(item.place.pod_uid, now_ns)
            case CgroupGone():
                record = self._inventory.by_inode(item.inode)
                if record is not None and record.place.path == item.place.path:
                    self._ledger.gone(record, now_ns)
            case ExitSeen():
                record = self._inventory.by_init(item.exit.pid)
                if record is not None and record.alive:
                    self._ledger.ended(record, item.exit, now_ns)
            case SignalSeen():
                self._ledger.signalled(item.sent.target_pid)
            case EndSeen():
                self._ledger.end(item)
            case SenderSeen():
                self._ledger.sender(item)
            case SignalsMissed():
                self._sight.lost(now_ns)
            case SourceLost() if item.source == SIGNALS:
                self._sight.lost(now_ns)
            case _:
                pass

    def told(self, kind: OOMRecorded | OOMAmended | RuntimeDisagreement) -> None:
        """What the OOM ledger tells."""
        match kind:
            case OOMRecorded() | OOMAmended():
                self._ledger.incident(kind.incident)
            case RuntimeDisagreement():
                self._ledger.disagreement(kind.container.id, kind.kind)

    def named(self, record: ContainerRecord) -> None:
        """A container has (better) names."""
        self._ledger.named(record)

    def listed(self, listing: Listing) -> None:
        """The runtime's list: containers that ended while nobody here was looking."""
        for container_id, container in listing.containers.items():
            if container.state != EXITED or self._ledger.knows(container_id):
                continue
            record = self._inventory.by_container_id(container_id)
            names = listing.names(container_id)
            if names is None or (record is not None and record.alive):
                continue
            place = CgroupPlace(
                path="",
                level=CgroupLevel.CONTAINER,
                pod_uid=names.pod_uid,
                container_id=container_id,
            )
            self._ledger.missed(place, merge(place, cri=names).container, self._clock.boottime_ns())

    def appeared(self, labels: Labels) -> None:
        """A container with these names lives."""
        self._series.appeared(labels)

    def vanished(self, labels: Labels, now_ns: int) -> None:
        """A container with these names is gone."""
        self._series.vanished(labels, now_ns)

    def tick(self, now_ns: int) -> None:
        """Once a second."""
        self._series.expire(now_ns)
        self._sight.tick(now_ns)
        report = self._memory()
        fresh = report is not None and now_ns - report.boottime_ns <= FRESH_NS
        if report is not None and fresh and any(room.crossed for room in report.headrooms):
            self._ledger.crossed(now_ns)
        self._ledger.tick(now_ns)

    def flush(self, now_ns: int) -> list[Told]:
        """What is to be told and to be asked."""
        return self._ledger.flush(now_ns)

    async def find(self, wanted: SenderWanted) -> SenderSeen:
        """Where a sender is, if its target was not known as an init in time; else where it was,
        by the flight recorder.
        """
        there = self._cgroup(wanted.pid, wanted.boottime_ns)
        if there:
            return SenderSeen(container_id=wanted.container_id, pid=wanted.pid, cgroup=there)
        found = await self._places(((wanted.pid, wanted.boottime_ns),))
        cgroup, _ = found.get(wanted.pid, ("", Attribution.NONE))
        return SenderSeen(container_id=wanted.container_id, pid=wanted.pid, cgroup=cgroup)
