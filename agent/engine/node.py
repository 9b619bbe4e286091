"""The story of a node: what is observed is folded into the ledger, and what follows is told.

Everything here runs on the event loop and reads only what cannot hang: kernfs, procfs files that
take no lock of a process, the kernel's log and trace rings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from agent.engine.board import SourceBoard
from agent.engine.cgroup_events import CgroupEvents
from agent.engine.endings import Endings
from agent.engine.fates import Fates
from agent.engine.guard import Guard
from agent.engine.publish import Publisher
from agent.engine.questions import Ends, Places, Questions
from agent.engine.watch import Watch
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.inventory.resolver import NameResolver
from agent.ledger.closing import Output
from agent.ledger.deaths import DeathBook
from agent.ledger.exits import Told
from agent.ledger.oom import OOMLedger
from agent.ledger.oom_sums import Labels
from agent.ledger.series import OOMSeriesFold
from agent.model.absence import Absence, Absent, ParseError
from agent.model.cgroup import CgroupLevel
from agent.model.event import (
    EventKind,
    ExitAmended,
    ExitRecorded,
    OOMAmended,
    OOMRecorded,
    RuntimeDisagreement,
    SourceGap,
)
from agent.model.evidence import (
    CgroupAppeared,
    CgroupGone,
    CountersSeen,
    DialSeen,
    EndSeen,
    EndWanted,
    ExitSeen,
    FateWanted,
    FaultSeen,
    KmsgSeen,
    KmsgState,
    LimitWanted,
    LinksChanged,
    NamesSeen,
    Observation,
    PlacesWanted,
    PluginExecuted,
    SenderSeen,
    SenderWanted,
    SignalSeen,
    SignalsMissed,
    SourceLost,
    TraceSeen,
    VmstatSeen,
)
from agent.model.kmsg import OOMKilledProcess
from agent.observe.cgroups import NAME as CGROUPS
from agent.observe.cgroups import CgroupWatcher
from agent.observe.exits import ExitWatcher
from agent.observe.trace import NAME as TRACE
from agent.observe.vmstat import NAME as VMSTAT
from agent.observe.vmstat import VmstatSampler

LEDGER = "ledger"
"""The name under which a failure of what follows from observations is published."""

FLUSH_ATTEMPTS = 64
"""Incidents that may break the telling in one go; the others wait for the next."""

MAX_ROUNDS = 64
"""Of telling at the end: more than the ledger has to tell."""

CLAIM_NS = 5_000_000_000
"""For so long there may be more to tell than is told in one go, and no checkpoint: whoever is
killed then leaves what is told unclaimed, and the next agent must find it again in the kernel's
rings. Then MORE_PARTS are told in one go, while kills wait in these rings.
"""
MORE_PARTS = 16

_NOT_OF_THE_OOM_LEDGER = (
    CgroupAppeared,
    SourceLost,
    SignalSeen,
    SignalsMissed,
    SenderSeen,
    PluginExecuted,
    DialSeen,
    LinksChanged,
    FaultSeen,
)

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Node:
    """One node. `take` for what comes by itself, `tick` for what has to be asked for."""

    def __init__(
        self,
        *,
        clock: Clock,
        board: SourceBoard,
        guard: Guard,
        sampler: VmstatSampler,
        cgroups: CgroupWatcher,
        inventory: Inventory,
        resolver: NameResolver,
        ledger: OOMLedger,
        deaths: DeathBook,
        series: OOMSeriesFold,
        fates: Fates,
        publisher: Publisher,
        places: Places,
        ends: Ends,
        endings: Endings,
        spawn: Spawn,
    ) -> None:
        self._clock = clock
        self._board = board
        self._guard = guard
        self._sampler = sampler
        self._cgroups = cgroups
        self._inventory = inventory
        self._resolver = resolver
        self._ledger = ledger
        self._deaths = deaths
        self._series = series
        self._fates = fates
        self._publisher = publisher
        self._endings = endings
        guarded = partial(guard.attempt, LEDGER)
        self._events = CgroupEvents(cgroups, guarded=guarded, take=self.take)
        self._questions = Questions(
            fates=fates,
            places=places,
            ends=ends,
            endings=endings,
            spawn=spawn,
            guarded=guarded,
            take=self.take,
        )
        self._told: list[EventKind] = []
        self._labels: dict[str, Labels] = {}  # of the live containers that have series
        self._due: asyncio.TimerHandle | None = None
        self._claimed_ns = clock.boottime_ns()  # when a checkpoint could be made
        self._hear_trace: Callable[[], None] = lambda: None
        self.on_counters: Callable[[CountersSeen | CgroupGone], None] = lambda seen: None
        self.on_fault: Callable[[FaultSeen], None] = lambda seen: None

    def begin(
        self,
        watches: Iterable[Watch],
        loop: asyncio.AbstractEventLoop,
        recorded: Iterable[TraceSeen] = (),
    ) -> None:
        """The first reading: the count, then who is who, then what the kernel's log still holds.

        `recorded` are the kills in the flight recorder: a former run may have heard of the last of
        them and not have written it down.
        """
        self._count()
        self.take(self._cgroups.start())
        self._board.up(CGROUPS, self._cgroups.detail)
        self._events.listen(loop)
        since_ns = self._ledger.written_until_ns()
        self.take([seen for seen in recorded if seen.boottime_ns >= since_ns])
        watches = list(watches)
        for watch in watches:
            watch.start(loop)
            self._tell_kmsg(watch)
            if watch.name == TRACE:
                self._hear_trace = partial(watch.catch_up, loop)
        self._hear_trace()
        for watch in watches:
            watch.catch_up(loop)
        self._count()
        self._ledger.reconciled()
        self.settle()

    def take(self, seen: Iterable[Observation]) -> None:
        """Fold observations in order, then tell what follows from them.

        One that breaks the ledger costs itself alone: it is told as a gap of the ledger.
        """
        seen = list(seen)
        if any(map(_is_line, seen)):
            self._hear_trace()  # mark_victim comes before the line: what it tells is there already
        if any(map(_is_kill, seen)):
            self._count()  # read after the line, so that it covers it
        now_ns = self._clock.boottime_ns()
        lost = False
        for item in seen:
            if not self._guard.attempt(LEDGER, partial(self._take_one, item, now_ns)):
                self._lost(_poisoned(item))
            lost = lost or isinstance(item, SourceLost)
        if lost:
            self._count()  # whatever was lost: read the truth again
        self.settle()

    def answered(self, seen: Iterable[Observation]) -> None:
        """Take answers to what was asked, together with the others of this round of the loop."""
        self._questions.answered(seen)

    def tick(self, watches: Iterable[Watch], loop: asyncio.AbstractEventLoop) -> None:
        """Once a second: drain what waits, read the count, and judge what is overdue by then."""
        for watch in watches:
            if isinstance(watch.watcher, ExitWatcher):
                watch.watcher.inits = self._inventory.inits()
            watch.tick(loop)
            self._tell_kmsg(watch)
            watch.catch_up(loop)
        self._count()
        seen = self._guard.call(CGROUPS, self._cgroups.tick)
        self._events.listen(loop)
        if seen is not None:
            self._board.up(CGROUPS, self._cgroups.detail)
            self._board.count(CGROUPS, self._cgroups.records)
            self.take(seen)
        now_ns = self._clock.boottime_ns()
        for part in (
            self._fates.find_inits,
            partial(self._inventory.forget, now_ns),
            partial(self._series.expire, now_ns),
            partial(self._ledger.tick, now_ns),
            partial(self._endings.tick, now_ns),
        ):
            self._guard.call(LEDGER, part)
        self.settle()

    def settle(self) -> None:
        """Tell all that is new; answer at once what the ledger asks and the kernel can answer."""
        now_ns = self._clock.boottime_ns()
        self._guard.call(LEDGER, partial(self._reread, now_ns))
        for _ in range(MORE_PARTS):
            self._settle_part(now_ns)
            if not self._ledger.untold or now_ns - self._claimed_ns < CLAIM_NS:
                break
        self._guard.call(LEDGER, partial(self._wake_when_due, now_ns))

    def _settle_part(self, now_ns: int) -> None:
        for _ in range(FLUSH_ATTEMPTS):
            if self._guard.attempt(LEDGER, partial(self._flush, now_ns)):
                break  # else what broke it is out of its way: on with the others
            self._lost(SourceLost(source=LEDGER, lost=1, detail="an incident could not be told"))
        for output in self._guard.call(LEDGER, partial(self._endings.flush, now_ns)) or ():
            self._put_death(output)
        told, self._told = self._told, []
        checkpoint = None
        if not self._ledger.untold:  # else it would claim what the next round tells
            checkpoint = self._guard.call(LEDGER, self._ledger.checkpoint)
            self._claimed_ns = now_ns
        self._publisher.publish(told, checkpoint)

    def tell(self, kind: EventKind) -> None:
        """Something to be told that is no observation: a source's or the journal's state."""
        self._told.append(kind)

    def named(self, record: ContainerRecord) -> None:
        """The resolver's word that a container has (better) names."""
        now_ns = self._clock.boottime_ns()
        names = record.names
        self._guard.call(LEDGER, partial(self._ledger.fold, NamesSeen(container=names), now_ns))
        self._guard.call(LEDGER, partial(self._endings.named, record))
        if record.alive and record.kind is not ContainerKind.SANDBOX and names.pod:
            labels = (names.namespace, names.pod, names.name)
            before = self._labels.get(names.id)
            if before != labels:
                if before is not None:
                    self._vanished(before, now_ns)
                self._labels[names.id] = labels
                self._series.appeared(labels)
                self._endings.appeared(labels)
        self.settle()

    def listed(self, listing: Listing) -> None:
        """The runtime's list was read."""
        self._guard.call(LEDGER, partial(self._endings.listed, listing))

    def close(self) -> None:
        """Observe no more; what was seen is told first."""
        self._questions.take_answers()
        self.settle()
        for _ in range(MAX_ROUNDS):
            if not self._ledger.behind:
                break
            self.settle()
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._events.close()
        self._cgroups.close()
        self._sampler.close()

    def _take_one(self, item: Observation, now_ns: int) -> None:
        self._fold(item, now_ns)
        self._endings.hear(item, now_ns)

    def _fold(self, item: Observation, now_ns: int) -> None:
        match item:
            case CgroupAppeared():
                self._appeared(item, now_ns)
            case CgroupGone():
                self._gone(item, now_ns)
                self._guard.call(CGROUPS, partial(self.on_counters, item))
                self._ledger.fold(item, now_ns)
            case CountersSeen():
                self._guard.call(CGROUPS, partial(self.on_counters, item))
                self._ledger.fold(item, now_ns)
            case FaultSeen():
                self.on_fault(item)
            case SignalSeen():
                self._deaths.sent(self._endings.placed(item.sent))
            case SignalsMissed() | SenderSeen() | PluginExecuted() | DialSeen() | LinksChanged():
                pass  # of the exits ledger, of the CNI ledger, the heartbeat, the networks alone
            case ExitSeen():
                self._deaths.ended(item.exit)
                self._ledger.fold(item, now_ns)
            case SourceLost():
                self._lost(item)
            case _:
                self._ledger.fold(item, now_ns)

    def _reread(self, now_ns: int) -> None:
        """The counters above new victims: one more witness."""
        for cgroup in self._ledger.unpublished_cgroups():
            for item in self._cgroups.reread(cgroup):
                if not isinstance(item, _NOT_OF_THE_OOM_LEDGER):
                    self._guard.call(LEDGER, partial(self._ledger.fold, item, now_ns))

    def _flush(self, now_ns: int) -> None:
        more = True
        while more:
            more = False
            for output in self._ledger.flush(now_ns):
                more = True
                self._guard.call(LEDGER, partial(self._put, output, now_ns))
            if self._ledger.behind:
                return  # the rest in the next round of the loop

    def _put(self, output: Output, now_ns: int) -> None:
        match output:
            case OOMRecorded() | OOMAmended() | RuntimeDisagreement():
                self._told.append(output)
                self._endings.told(output)
            case LimitWanted():
                self._ledger.fold(self._fates.limit(output), now_ns)
            case FateWanted() | PlacesWanted() | EndWanted():
                self._questions.ask(output)

    def _put_death(self, output: Told) -> None:
        match output:
            case ExitRecorded() | ExitAmended():
                self._told.append(output)
            case EndWanted() | SenderWanted():
                self._questions.ask(output)
            case SourceLost():
                self._lost(output)

    def _appeared(self, item: CgroupAppeared, now_ns: int) -> None:
        record = self._inventory.appeared(item.place, item.inode, now_ns)
        if record is not None:
            self._resolver.resolve(record)

    def _gone(self, item: CgroupGone, now_ns: int) -> None:
        self._inventory.vanished(item.place.path, item.inode, now_ns)
        labels = self._labels.pop(item.place.container_id, None)
        if labels is not None and item.place.level is CgroupLevel.CONTAINER:
            self._vanished(labels, now_ns)

    def _vanished(self, labels: Labels, now_ns: int) -> None:
        self._series.vanished(labels, now_ns)
        self._endings.vanished(labels, now_ns)

    def _lost(self, item: SourceLost) -> None:
        self._board.lost(item.source, item.lost or 1)
        self._told.append(SourceGap(source=item.source, lost=item.lost, detail=item.detail))

    def _count(self) -> None:
        """Read the kernel's count. It is required, so its absence is loud, and is not the end."""
        now_ns = self._clock.boottime_ns()
        try:
            seen = self._sampler.sample()
        except SourceAbsent as error:
            self._board.absent(VMSTAT, error.absent)
            seen = VmstatSeen(oom_kill=None)
        except ParseError as error:
            self._board.absent(VMSTAT, Absent(absence=Absence.FAILED, detail=str(error)))
            seen = VmstatSeen(oom_kill=None)
        else:
            self._board.up(VMSTAT)
            self._board.count(VMSTAT, self._sampler.records)
        self._guard.call(LEDGER, partial(self._ledger.fold, seen, now_ns))

    def _tell_kmsg(self, watch: Watch) -> None:
        if watch.name == "kmsg":
            seen = KmsgState(up=watch.watcher is not None)
            now_ns = self._clock.boottime_ns()
            self._guard.call(LEDGER, partial(self._ledger.fold, seen, now_ns))

    def _wake_when_due(self, now_ns: int) -> None:
        due_ns = self._ledger.next_due_ns()
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if due_ns is not None:
            seconds = max(0.0, (due_ns - now_ns) / 1e9)
            self._due = asyncio.get_running_loop().call_later(
                seconds, self._guard.call, LEDGER, self.settle
            )


def _is_line(item: Observation) -> bool:
    return isinstance(item, KmsgSeen) and isinstance(item.line, OOMKilledProcess)


def _poisoned(item: Observation) -> SourceLost:
    """What is told of an observation that could not be taken; why is in the log and the status."""
    return SourceLost(source=LEDGER, lost=1, detail=f"a {type(item).__name__} could not be taken")


def _is_kill(item: Observation) -> bool:
    return isinstance(item, TraceSeen | EndSeen) or _is_line(item)
