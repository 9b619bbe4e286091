"""The story of a node: from what is seen to what is told, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any, cast

import pytest

from agent.api.wire import CodecError
from agent.engine import node
from agent.engine.board import SourceBoard
from agent.engine.endings import Endings
from agent.engine.fates import Fates
from agent.engine.guard import Guard
from agent.engine.node import LEDGER, Node
from agent.engine.publish import TELLING, Publisher
from agent.engine.watch import Watch
from agent.engine.who import Who
from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.vmstat import VmStat
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.inventory.resolver import NameResolver
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.closing import MAX_A_FLUSH
from agent.ledger.deaths import DeathBook
from agent.ledger.docket import MAX_CASES
from agent.ledger.entry import Entry
from agent.ledger.exit_series import ExitSeries
from agent.ledger.exits import ExitsLedger
from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.oom import OOMLedger
from agent.ledger.series import OOMSeriesFold
from agent.ledger.sight import Sight
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupPlace
from agent.model.death import Death
from agent.model.event import (
    Event,
    OOMAmended,
    OOMRecorded,
    SourceChange,
    SourceGap,
)
from agent.model.evidence import (
    CgroupAppeared,
    CgroupGone,
    EndWanted,
    ExitSeen,
    FateSeen,
    FateWanted,
    FaultSeen,
    KmsgSeen,
    LimitSeen,
    LimitWanted,
    NamesSeen,
    Observation,
    OOMEvidence,
    SignalSeen,
    SourceLost,
    TraceSeen,
    VmstatSeen,
)
from agent.model.faults import FaultKind, KernelFault
from agent.model.kmsg import OOMKilledProcess, TraceVictim
from agent.model.oom import (
    Attribution,
    Container,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
    Witness,
)
from agent.model.source import SourceHealth, SourceState
from agent.observe.cgroups import CgroupWatcher
from agent.observe.roster import Opening
from agent.observe.vmstat import VmstatSampler
from agent.parse.cgroup_path import place
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.record import Record, record_of
from agent.state.stream import EventStream
from tests.engine.test_publish import Journal
from tests.engine.test_watch import FakeWatcher
from tests.inventory.fakes import turns
from tests.ledger.endings import process_exit, signal_sent
from tests.ledger.kernel import BOOT, CID, CONTAINER, OTHER, SECOND, SETTLE, UID, Kernel, captured
from tests.observe.fakes import FakeClock

INODE = 77
NAMED = Container(
    namespace="production", pod="api-1", pod_uid=UID, name="gateway", id=CID, names_from="cri"
)


class FakeVmstat:
    """The kernel's count; it can be unreadable."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.error: Exception | None = None
        self.reads = 0

    def oom_kill(self) -> int:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.kernel.oom_kill

    def close(self) -> None:
        """Nothing is open."""


class FakeCgroups:
    """A tree with one container."""

    detail = ""
    polling = False
    records = 0

    def __init__(self) -> None:
        self.ticks = 0

    def fileno(self) -> int | None:
        return None

    def start(self) -> list[Observation]:
        return [CgroupAppeared(place=place(CONTAINER), inode=INODE, live=False)]

    def tick(self) -> list[Observation]:
        self.ticks += 1
        return []

    def reread(self, cgroup: str) -> list[Observation]:
        return []

    def close(self) -> None:
        """Nothing is open."""


class FakeResolver:
    def __init__(self) -> None:
        self.asked: list[ContainerRecord] = []

    def resolve(self, record: ContainerRecord) -> None:
        self.asked.append(record)


class FakeFates:
    """Every container lives on, unless `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.wanted: list[FateWanted] = []

    async def answer(self, wanted: FateWanted) -> tuple[NamesSeen | None, FateSeen]:
        self.wanted.append(wanted)
        if self.error is not None:
            raise self.error
        return None, FateSeen(incident_id=wanted.incident_id, init_alive=True)

    def limit(self, wanted: LimitWanted) -> LimitSeen:
        return LimitSeen(incident_id=wanted.incident_id, limit_bytes=None)

    def find_inits(self) -> None:
        """None is found."""


class Timer:
    """What the loop was asked to do later."""

    def __init__(self, seconds: float, run: Callable[[], object]) -> None:
        self.seconds = seconds
        self.run = run
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    """A node whose kernel is of paper; time passes when `clock` is moved."""

    def __init__(self, incidents: tuple[OOMIncident, ...] = ()) -> None:
        self.loop = asyncio.get_running_loop()
        self.kernel = Kernel()
        self.clock = FakeClock(now_ns=self.kernel.now)
        self.board = SourceBoard(self.clock)
        self.guard = Guard(self.board)
        self.vmstat, self.cgroups = FakeVmstat(self.kernel), FakeCgroups()
        self.inventory, self.resolver = Inventory("unified"), FakeResolver()
        self.fates, self.archive = FakeFates(), Journal()
        self.series = OOMSeriesFold(retention_ns=SECOND, max_series=10)
        self.heard: list[Event] = []
        self.timers: list[Timer] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.ended: list[str] = []  # whose last word was asked for
        self.told = 0  # lines of the kernel that the node has taken
        self.ledger = OOMLedger(
            boot_id=BOOT,
            settle_ns=SETTLE,
            hold_ns=SETTLE,
            directory=Who(self.inventory),
            wall_offset_ns=0,
            incidents=incidents,
        )
        self.deaths = DeathBook()
        self.exits = ExitsLedger(
            boot_id=BOOT, wall_offset_ns=0, deaths=self.deaths, names_of=self.inventory.names_of
        )
        self.exit_series = ExitSeries(retention_ns=SECOND, max_series=10)
        self.node = Node(
            clock=self.clock,
            board=self.board,
            guard=self.guard,
            sampler=VmstatSampler(cast(VmStat, self.vmstat)),
            cgroups=cast(CgroupWatcher, self.cgroups),
            inventory=self.inventory,
            resolver=cast(NameResolver, self.resolver),
            ledger=self.ledger,
            deaths=self.deaths,
            series=self.series,
            fates=cast(Fates, self.fates),
            publisher=Publisher(
                stream=EventStream(self.archive, BOOT),
                index=IncidentIndex(10),
                series=self.series,
                deaths=DeathIndex(),
                exits=self.exit_series,
                clock=self.clock,
                guard=self.guard,
                listen=self.heard.append,
            ),
            places=self.places,
            ends=self.ends,
            endings=Endings(
                clock=self.clock,
                proc=cast(ProcReader, None),
                inventory=self.inventory,
                ledger=self.exits,
                series=self.exit_series,
                sight=Sight(lambda: True),
                places=self.places,
            ),
            spawn=self.spawn,
        )
        self.board.on_change = self.node.tell
        self.kmsg = FakeWatcher()
        self.trace = FakeWatcher()
        self.watches = [
            Watch(opening, self.board, self.guard, self.take, Workers(1), self.spawn)
            for opening in (
                Opening("kmsg", lambda: self.kmsg),
                Opening("trace", lambda: self.trace),
            )
        ]

    def begin(self) -> None:
        self.node.begin(self.watches, self.loop)

    async def ends(self, wanted: EndWanted) -> None:
        """The runtime has nothing to say, yet."""
        self.ended.append(wanted.place.container_id)

    async def places(
        self, victims: tuple[tuple[int, int], ...]
    ) -> dict[int, tuple[str, Attribution]]:
        """The recorder knows nothing."""
        return {}

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(self.loop.create_task(self.guard.run(LEDGER, work)))
        return self.tasks[-1]

    def take(self, seen: list[Observation]) -> None:
        self.guard.call(LEDGER, lambda: self.node.take(seen))

    def call_later(self, seconds: float, run: Callable[..., object], *arguments: object) -> Timer:
        self.timers.append(Timer(seconds, lambda: run(*arguments)))
        return self.timers[-1]

    def lines(self) -> list[Observation]:
        """What the kernel has printed since this was last asked; it is now that late."""
        lines = self.kernel.lines[self.told :]
        self.told = len(self.kernel.lines)
        self.clock.now_ns = max(self.clock.now_ns, self.kernel.now)
        return list(lines)

    def kill(self, pid: int) -> list[Observation]:
        """The lines of a kill at the container's limit."""
        self.kernel.header(pid, CONTAINER, CONTAINER, heard=False)
        self.kernel.kill(pid, heard=False)
        return self.lines()

    def tick(self, ns: int = SECOND) -> None:
        self.clock.now_ns += ns
        self.kernel.now = self.clock.now_ns
        self.guard.call(LEDGER, lambda: self.node.tick(self.watches, self.loop))
        self.guard.judge()

    def incidents(self) -> list[OOMIncident]:
        """The latest revision of each incident that was told."""
        kinds = (event.kind for event in self.heard)
        told = [kind.incident for kind in kinds if isinstance(kind, OOMRecorded | OOMAmended)]
        return list({incident.id: incident for incident in told}.values())

    def changes(self, source: str) -> list[bool]:
        kinds = (event.kind for event in self.heard)
        return [k.up for k in kinds if isinstance(k, SourceChange) and k.source == source]

    def row(self, name: str) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == name)

    def checkpoints(self) -> list[tuple[int, Checkpoint]]:
        """Each commit: how many events, and the sums that claim them."""
        return [(n, Checkpoint.decode(data)) for n, data in self.archive.batches if data]

    def armed(self) -> list[float]:
        return [timer.seconds for timer in self.timers if not timer.cancelled]


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    monkeypatch.setattr(bench.loop, "call_later", bench.call_later)
    bench.begin()
    return bench


async def test_a_kill_is_committed_with_its_checkpoint(bench: Bench) -> None:
    """The event and the sums that claim it are one batch of the journal, and the only one."""
    assert [point.victims for _, point in bench.checkpoints()] == [0] * len(bench.checkpoints())
    before = len(bench.archive.batches)
    bench.take(bench.kill(829))
    assert [(n, p.victims) for n, p in bench.checkpoints()[before:]] == [(1, 1)]
    (incident,) = bench.incidents()
    assert [victim.pid for victim in incident.victims] == [829]
    assert bench.heard[-1].sequence == len(bench.heard)
    assert bench.ledger.books().balanced


async def test_the_count_is_read_before_the_line_is_folded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reading goes before all lines of a batch: it was taken after they were printed."""
    order: list[type[OOMEvidence]] = []
    fold = bench.ledger.fold

    def note(evidence: OOMEvidence, now_ns: int) -> None:
        order.append(type(evidence))
        fold(evidence, now_ns)

    monkeypatch.setattr(bench.ledger, "fold", note)
    bench.take(bench.kill(829))
    assert order == [VmstatSeen, KmsgSeen, KmsgSeen, KmsgSeen, KmsgSeen]


async def test_the_trace_is_heard_before_the_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel traced the victim before it printed the line, so the ledger hears it first."""
    order: list[type[OOMEvidence]] = []
    fold = bench.ledger.fold

    def note(evidence: OOMEvidence, now_ns: int) -> None:
        order.append(type(evidence))
        fold(evidence, now_ns)

    monkeypatch.setattr(bench.ledger, "fold", note)
    lines = bench.kill(829)
    victim = TraceVictim(timestamp_us=bench.clock.now_ns // 1000, pid=829)
    bench.trace.batches.append([TraceSeen(boottime_ns=bench.clock.now_ns, victim=victim)])
    bench.take(lines)
    assert order.index(TraceSeen) < order.index(KmsgSeen)
    (incident,) = bench.incidents()
    assert Witness.TRACE in incident.victims[0].witnesses


async def test_an_unattributed_count_is_not_stolen(bench: Bench) -> None:
    """A new kill, while the count cannot be read, does not take the place of one given up."""
    bench.kernel.oom_kill += 1
    for _ in range(4):
        bench.tick()
    assert bench.ledger.books().unattributed == 1
    bench.vmstat.error = SourceAbsent(Absence.FAILED, "busy")
    seen = bench.kill(829)
    bench.take(seen)
    bench.vmstat.error = None
    bench.tick()
    books = bench.ledger.books()
    assert (books.victims, books.unattributed, books.pending) == (1, 1, 0)


def poison(bench: Bench, patch: pytest.MonkeyPatch, pids: set[int]) -> None:
    """From now on the lines that kill these processes break the ledger."""
    fold = bench.ledger.fold

    def folded(evidence: OOMEvidence, now_ns: int) -> None:
        line = evidence.line if isinstance(evidence, KmsgSeen) else None
        if isinstance(line, OOMKilledProcess) and line.pid in pids:
            raise RuntimeError("boom")
        fold(evidence, now_ns)

    patch.setattr(bench.ledger, "fold", folded)


def gaps(bench: Bench) -> list[SourceGap]:
    return [event.kind for event in bench.heard if isinstance(event.kind, SourceGap)]


async def test_a_poisoned_observation_costs_itself_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of a batch breaks the ledger: that is published, and all the others are told."""
    poison(bench, monkeypatch, {830})
    bench.take([*bench.kill(829), *bench.kill(830), *bench.kill(831)])
    assert [v.pid for i in bench.incidents() for v in i.victims] == [829, 831]
    gap = SourceGap(source=LEDGER, lost=1, detail="a KmsgSeen could not be taken")
    assert gaps(bench) == [gap]
    assert bench.row(LEDGER).state is SourceState.DOWN
    assert "RuntimeError: boom" in bench.row(LEDGER).detail
    for _ in range(4):
        bench.tick()
    books = bench.ledger.books()
    assert (books.victims, books.unattributed, books.pending) == (2, 1, 0)
    assert books.balanced


async def test_a_line_that_breaks_the_booking_does_not_stand_in_the_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up where it is believed: the lines behind it are booked, and its count is told
    as unattributed.
    """
    add_victim = IncidentBook.add_victim

    def boom(self: IncidentBook, entry: Entry, victim: Victim) -> None:
        if victim.pid == 829:
            raise RuntimeError("boom")
        add_victim(self, entry, victim)

    monkeypatch.setattr(IncidentBook, "add_victim", boom)
    bench.take([*bench.kill(829), *bench.kill(830)])
    for _ in range(4):
        bench.tick()
    assert [v.pid for i in bench.incidents() for v in i.victims] == [830]
    books = bench.ledger.books()
    assert (books.victims, books.unattributed, books.pending) == (1, 1, 0)


async def test_what_fails_in_every_tick_does_not_flap(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down once, and up once when a whole tick went well."""
    with monkeypatch.context() as patch:
        poison(bench, patch, {829, 830, 831})
        for pid in (829, 830, 831):
            bench.kmsg.batches.append(bench.kill(pid))
            bench.tick()
        assert bench.cgroups.ticks == 3
        assert bench.row(LEDGER).state is SourceState.DOWN
    bench.tick()
    assert bench.row(LEDGER).state is SourceState.UP
    bench.take(bench.kill(832))
    assert bench.changes(LEDGER) == [False, True]
    assert [v.pid for i in bench.incidents() for v in i.victims if v.pid] == [832]


async def test_an_incident_that_breaks_the_telling_costs_itself_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be completed is left out and said so; the incidents around it are told."""
    limit_near = Levels.limit_near

    def boom(self: Levels, cgroup: str, now_ns: int) -> CgroupPlace | None:
        if cgroup == OTHER:
            raise RuntimeError("boom")
        return limit_near(self, cgroup, now_ns)

    monkeypatch.setattr(Levels, "limit_near", boom)
    seen: list[Observation] = []
    for pid, cgroup in ((829, CONTAINER), (830, OTHER), (831, CONTAINER)):
        bench.kernel.kill(pid, capture=captured(pid, cgroup), heard=False)
        bench.kernel.now += SECOND
        seen.extend(bench.lines())
    bench.take(seen)
    assert [v.pid for i in bench.incidents() for v in i.victims] == [829, 831]
    assert gaps(bench) == [SourceGap(source=LEDGER, lost=1, detail="an incident could not be told")]
    assert bench.row(LEDGER).state is SourceState.DOWN
    bench.tick()
    assert len(gaps(bench)) == 1


async def test_an_event_that_cannot_be_told_costs_itself_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others reach subscribers and the journal, and in its place stands a gap."""
    seen = [*bench.kill(829), *bench.kill(830)]

    def refusing(event: Event) -> Record:
        kind = event.kind
        if isinstance(kind, OOMRecorded) and kind.incident.victims[0].pid == 829:
            raise CodecError("no form on the wire")
        return record_of(event)

    monkeypatch.setattr("agent.state.stream.record_of", refusing)
    before = len(bench.archive.batches)
    bench.take(seen)
    assert [v.pid for i in bench.incidents() for v in i.victims] == [830]
    gap = SourceGap(source=TELLING, lost=1, detail="OOMRecorded could not be told")
    assert gaps(bench) == [gap]
    assert bench.row(TELLING).state is SourceState.DOWN
    assert [(n, p.victims) for n, p in bench.checkpoints()[before:]] == [(2, 2)]
    sequences = [event.sequence for event in bench.heard]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_without_a_checkpoint_events_are_stored_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums cannot be made: the event is told and stored, and the next commit has them."""
    with monkeypatch.context() as patch:
        patch.setattr(bench.ledger, "checkpoint", lambda: 1 // 0)
        before = len(bench.archive.batches)
        bench.take(bench.kill(829))
        assert bench.archive.batches[before:] == [(1, None)]
    bench.tick()
    assert bench.checkpoints()[-1][1].victims == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceAbsent(Absence.UNSUPPORTED, "no oom_kill"), SourceState.ABSENT),
        (SourceAbsent(Absence.DENIED, "not ours"), SourceState.DOWN),
        (ParseError("vmstat", b"oom_kill x"), SourceState.DOWN),
    ],
)
async def test_without_the_count_detection_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, state: SourceState
) -> None:
    """The absence is published, kills are told on their lines, and the books recover."""
    bench = Bench()
    monkeypatch.setattr(bench.loop, "call_later", bench.call_later)
    bench.vmstat.error = error
    bench.begin()
    bench.take(bench.kill(829))
    assert (bench.row("vmstat").state, bench.row("vmstat").detail) == (state, str(error))
    assert len(bench.incidents()) == 1
    assert not bench.ledger.books().balanced
    bench.vmstat.error = None
    bench.tick()
    assert bench.row("vmstat").state is SourceState.UP
    assert bench.changes("vmstat")[-1:] == [True]
    assert (bench.ledger.books().counted, bench.ledger.books().balanced) == (1, True)


async def test_the_hold_ends_by_its_own_timer(bench: Bench) -> None:
    """One timer is armed, for the moment the fate is due; when it rings the outcome is told."""
    bench.take(bench.kill(829))
    due_ns = bench.ledger.next_due_ns()
    assert due_ns is not None
    assert bench.armed() == [(due_ns - bench.clock.now_ns) / 1e9]
    bench.take([SourceLost(source="kmsg", lost=1, detail="x")])
    assert len(bench.armed()) == 1
    bench.clock.now_ns = due_ns
    bench.timers[-1].run()
    await turns()
    (incident,) = bench.incidents()
    assert (incident.outcome, incident.hidden) == (Outcome.SURVIVED, Truth.YES)
    assert isinstance(bench.heard[-1].kind, OOMAmended)
    assert len(bench.fates.wanted) == 1
    assert bench.ledger.next_due_ns() is None


async def test_closing_disarms_the_timer(bench: Bench) -> None:
    """Nothing rings after the end."""
    bench.take(bench.kill(829))
    bench.node.close()
    assert bench.armed() == []


async def test_a_restored_incident_without_a_place_arms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An open incident of before whose cgroup nobody knows has no fate to wait for: no spin."""
    first = Bench()
    monkeypatch.setattr(first.loop, "call_later", first.call_later)
    first.begin()
    first.kernel.kill(829, heard=False)
    first.take(first.lines())
    (open_one,) = first.incidents()
    second = Bench((open_one,))
    monkeypatch.setattr(second.loop, "call_later", second.call_later)
    second.begin()
    second.tick()
    assert open_one.outcome is Outcome.OPEN
    assert second.timers == []


async def test_names_that_come_later_amend(bench: Bench) -> None:
    """An incident is told at once with what the path tells, and again with its names."""
    bench.take(bench.kill(829))
    (record,) = bench.resolver.asked
    named = bench.inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    assert named is not None
    bench.node.named(named)
    first, second = (
        event.kind for event in bench.heard if isinstance(event.kind, OOMRecorded | OOMAmended)
    )
    assert isinstance(first, OOMRecorded)
    assert first.incident.container == Container(pod_uid=UID, id=CID, names_from="cgroup")
    assert isinstance(second, OOMAmended)
    assert second.incident.container == NAMED


async def test_series_stand_at_zero_once_names_are_known(bench: Bench) -> None:
    """One series for a container, with its names, before anything happens; none for a sandbox."""
    (record,) = bench.resolver.asked
    sandbox = bench.inventory.named(record.id, NAMED, ContainerKind.SANDBOX)
    assert sandbox is not None
    bench.node.named(sandbox)
    assert bench.series.series(bench.ledger.books()).containers == ()
    named = bench.inventory.named(record.id, NAMED, ContainerKind.CONTAINER)
    assert named is not None
    for _ in range(2):
        bench.node.named(named)
    (series,) = bench.series.series(bench.ledger.books()).containers
    assert (series.namespace, series.pod, series.container) == ("production", "api-1", "gateway")
    assert set(series.kills.values()) == {0}
    bench.take([CgroupGone(place=place(CONTAINER), inode=INODE)])
    bench.tick(2 * SECOND)
    assert bench.series.series(bench.ledger.books()).containers == ()


async def test_a_fate_that_raises_closes_the_incident_as_unknown(bench: Bench) -> None:
    """Not known is an answer; the failure is published, and the next tick goes well."""
    bench.fates.error = ValueError("boom")
    bench.take(bench.kill(829))
    bench.clock.now_ns += SETTLE
    bench.timers[-1].run()
    await turns()
    (incident,) = bench.incidents()
    assert (incident.outcome, incident.hidden) == (Outcome.UNKNOWN, Truth.UNKNOWN)
    assert bench.row(LEDGER).state is SourceState.DOWN
    assert {task.exception() for task in bench.tasks} == {None}
    for _ in range(3):  # it failed before the first; the second turns the row up, the third tells
        bench.tick()
    assert bench.changes(LEDGER) == [False, True]


@pytest.mark.parametrize(("lost", "counted"), [(3, 3), (None, 1)])
async def test_a_loss_is_a_gap_and_the_count_is_read_again(
    bench: Bench, lost: int | None, counted: int
) -> None:
    """What was lost is told and counted, and the kernel's own count is asked."""
    bench.kernel.oom_kill += 1
    reads = bench.vmstat.reads
    bench.take([SourceLost(source="kmsg", lost=lost, detail="the ring went round")])
    gap = SourceGap(source="kmsg", lost=lost, detail="the ring went round")
    assert gap in [event.kind for event in bench.heard]
    assert bench.row("kmsg").lost == counted
    assert (bench.vmstat.reads, bench.ledger.books().counted) == (reads + 1, 1)


async def test_what_is_said_of_disks_is_handed_on(bench: Bench) -> None:
    """The ledger has no part in it."""
    heard: list[FaultSeen] = []
    bench.node.on_fault = heard.append
    fault = KernelFault(kind=FaultKind.BUFFER, device="dm-0", text="Buffer I/O error on dev dm-0")
    seen = FaultSeen(sequence=7, boottime_ns=1, fault=fault)
    bench.take([seen])
    assert heard == [seen]
    assert gaps(bench) == []


async def test_very_much_is_told_in_parts(bench: Bench) -> None:
    """A container's names, say, amend all its incidents: the loop gets its turns meanwhile, what
    is new comes first, and nothing claims what is not told yet.
    """
    many = 2 * MAX_A_FLUSH + 10
    bench.take([line for pid in range(1000, 1000 + many) for line in bench.kill(pid)])
    while bench.ledger.behind:
        bench.node.settle()
    assert len(bench.incidents()) == many
    bench.tick(10 * SECOND)
    bench.heard.clear()
    claimed = len(bench.checkpoints())
    names = Container(namespace="shop", pod="web", pod_uid=UID, name="app", id=CID)
    bench.take([NamesSeen(container=names)])
    assert len(bench.heard) == MAX_A_FLUSH
    assert bench.armed() == [0.0]
    assert bench.archive.batches[-1] == (MAX_A_FLUSH, None)
    bench.take(bench.kill(829))
    assert isinstance(bench.heard[MAX_A_FLUSH].kind, OOMRecorded)
    assert len(bench.checkpoints()) == claimed
    bench.node.close()
    assert len(bench.incidents()) == many + 1
    assert len(bench.checkpoints()) > claimed


async def test_a_storm_that_does_not_end_reaches_the_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is told, in parts, and each part holds the loop no longer than the one before it; from
    time to time all of it, so that a checkpoint claims it.
    """
    monkeypatch.setattr(node, "CLAIM_NS", 3600 * SECOND)  # the kills themselves take their time
    pids = iter(range(1000, 1000 + 8 * MAX_A_FLUSH))
    bench.heard.clear()
    stored = len(bench.archive.batches)
    for _ in range(3):
        some = islice(pids, 2 * MAX_A_FLUSH)
        bench.take([line for pid in some for line in bench.kill(pid)])
    assert bench.archive.batches[stored:] == [(MAX_A_FLUSH, None)] * 3
    claimed = len(bench.checkpoints())
    bench.clock.now_ns += 3600 * SECOND
    bench.take(bench.kill(829))
    assert len(bench.incidents()) == 6 * MAX_A_FLUSH + 1
    assert len(bench.checkpoints()) == claimed + 1
    assert all(size <= MAX_A_FLUSH for size, _ in bench.archive.batches[stored:])


async def test_ends_that_cannot_be_told(bench: Bench) -> None:
    """Of more containers than can be looked into, the number at least."""
    bench.begin()
    for number in range(MAX_CASES + 2):
        where = place(CONTAINER.replace(CID, f"{number:064x}"))
        bench.exits.missed(where, Container(id=where.container_id), bench.kernel.now)
    bench.node.settle()
    (gap,) = gaps(bench)
    assert (gap.source, gap.lost) == ("memory.events", 2)
    assert bench.row("memory.events").lost == 2


async def test_a_death_is_kept_with_its_signal(bench: Bench) -> None:
    """Exits and signals go into the book of deaths, whichever is heard first."""
    ended = process_exit(829, bench.kernel.now, signal=9)
    sent = signal_sent(829, bench.kernel.now - 1)
    bench.begin()
    bench.take([ExitSeen(exit=ended), SignalSeen(sent=sent)])
    assert bench.deaths.death(829, bench.kernel.now) == Death(exit=ended, signals=(sent,))


@pytest.mark.parametrize("exit_first", [False, True])
async def test_the_exit_of_a_victim_is_a_witness(bench: Bench, *, exit_first: bool) -> None:
    """Before the line of the kill, or after it."""
    bench.begin()
    lines = bench.kill(829)
    ended: list[Observation] = [ExitSeen(exit=process_exit(829, bench.kernel.now, signal=9))]
    for seen in (ended, lines) if exit_first else (lines, ended):
        bench.take(seen)
    bench.tick()
    (incident,) = bench.incidents()
    assert Witness.EXIT in incident.victims[0].witnesses
