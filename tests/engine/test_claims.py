"""SIGKILL at any moment of a storm: what the next agent finds on the disk, and in the kernel's log,
is each kill once, in the books, in the lists and in the counters.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.engine.board import SourceBoard
from agent.engine.endings import Endings
from agent.engine.fates import Fates
from agent.engine.guard import Guard
from agent.engine.node import Node
from agent.engine.publish import Publisher
from agent.engine.watch import Watch
from agent.host.vmstat import VmStat
from agent.inventory.containers import Inventory
from agent.inventory.resolver import NameResolver
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.deaths import DeathBook
from agent.ledger.exit_series import ExitSeries
from agent.ledger.oom import OOMLedger
from agent.ledger.series import OOMSeriesFold
from agent.model.cgroup import CgroupPlace
from agent.model.event import ExitRecorded
from agent.model.evidence import NamesSeen
from agent.model.kmsg import OOMGroupKill
from agent.model.oom import Attribution, Container, OOMCounter, OOMIncident
from agent.observe.cgroups import CgroupWatcher
from agent.observe.vmstat import VmstatSampler
from agent.parse.cgroup_path import place
from agent.state.backlog import Backlog
from agent.state.batch import Batch
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.opening import Opening
from agent.state.position import Kept, Position, Span
from agent.state.recovery import Recovered
from agent.state.store import Store
from agent.state.stream import EventStream
from agent.state.writer import Board, Writer
from tests.engine.test_node import FakeCgroups, FakeFates, FakeResolver, FakeVmstat
from tests.ledger.kernel import BOOT, CONTAINER, OTHER, SECOND, SETTLE, Kernel, Names
from tests.ledger.test_exit_series import death
from tests.observe.fakes import FakeClock
from tests.state.making import Hands

AT_ONCE = 3
"""Incidents that are told in one go: a storm of some ten kills is told in parts."""
ALL = 1 << 20


class Directory(Names):
    """Knows the pods, and their names only when they are `told`."""

    told = True

    def names(self, place: CgroupPlace) -> Container | None:
        found = super().names(place)
        if found is None or self.told:
            return found
        return Container(pod_uid=found.pod_uid, id=found.id)


class Disk:
    """The journal without its thread: what waits is written when a test says so."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(
            path, max_bytes=1 << 22, max_age_seconds=1e9, boot_id=BOOT, clocks=Hands().clocks
        )
        self.recovered = self.store.recover(tail_events=9, max_incidents=9999)
        self.spans: tuple[Span, ...] = self.recovered.spans
        self.backlog = Backlog(limit_events=9999, limit_bytes=1 << 22, append_bytes=1 << 22)
        self.append = self.backlog.offer
        opening = Opening()
        opening.deliver(self.recovered)
        self.writer = Writer(
            lambda suspect: (self.store, ""),
            self.backlog,
            opening,
            Board(),
            batch_bytes=ALL,
            tail_events=9,
            max_incidents=9999,
        )

    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]:
        return ()

    def write(self, appends: int, limit_bytes: int) -> None:
        for batch in self.waiting(appends, limit_bytes):
            self.writer._write(self.store, batch)

    def waiting(self, appends: int, limit_bytes: int) -> Iterator[Batch]:
        for _ in range(appends):
            batch = self.backlog.take(limit_bytes=limit_bytes, timeout=0)
            if batch is None:
                return
            yield batch


class Ring:
    """The kernel's log as a watch: a start reads it from its beginning."""

    name = "kmsg"
    watcher = object()

    def __init__(self, world: World) -> None:
        self.world = world
        self.read = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nothing is to be opened."""

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """It stays open."""

    def catch_up(self, loop: asyncio.AbstractEventLoop) -> None:
        lines = self.world.kernel.lines[self.read :]
        self.read += len(lines)
        if lines:
            self.world.node.take(lines)


class NoEnds(Endings):
    """Containers do not end here."""

    def __init__(self) -> None:
        """Nothing is asked."""

    def hear(self, item: object, now_ns: int) -> None: ...
    def told(self, kind: object) -> None: ...
    def tick(self, now_ns: int) -> None: ...
    def flush(self, now_ns: int) -> list[Any]:
        return []


class World:
    """A kernel and a disk that outlive the agent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kernel = Kernel(names=Directory())
        self.clock = FakeClock(now_ns=self.kernel.now)
        self.pids = iter(range(1, 1 << 20))
        self.killed: set[int] = set()
        self.died: list[int] = []
        self.works: list[Coroutine[Any, Any, None]] = []
        self.start()

    def start(self) -> None:
        self.forget()
        self.disk = Disk(self.path)
        found = self.disk.recovered
        self.check_found(found)
        now_ns = self.clock.now_ns = self.kernel.now
        point = None if found.checkpoint is None else Checkpoint.decode(found.checkpoint)
        self.series = OOMSeriesFold(retention_ns=1 << 62, max_series=99)
        self.series.adopt(found.kills, found.incidents, now_ns, point)
        self.exits = ExitSeries(retention_ns=1 << 62, max_series=99)
        self.exits.adopt(found.exits, found.deaths, now_ns)
        self.index = IncidentIndex(9999, found.incidents)
        self.ledger = OOMLedger(
            boot_id=BOOT,
            settle_ns=SETTLE,
            hold_ns=SETTLE,
            directory=self.kernel.names,
            wall_offset_ns=0,
            checkpoint=point,
            incidents=found.incidents,
        )
        board = SourceBoard(self.clock)
        self.stream = EventStream(self.disk, BOOT)
        self.node = Node(
            clock=self.clock,
            board=board,
            guard=Careful(board),
            sampler=VmstatSampler(cast(VmStat, FakeVmstat(self.kernel))),
            cgroups=cast(CgroupWatcher, FakeCgroups()),
            inventory=Inventory("unified"),
            resolver=cast(NameResolver, FakeResolver()),
            ledger=self.ledger,
            deaths=DeathBook(),
            series=self.series,
            fates=cast(Fates, FakeFates()),
            publisher=Publisher(
                stream=self.stream,
                index=self.index,
                series=self.series,
                deaths=DeathIndex(found.deaths),
                exits=self.exits,
                clock=self.clock,
                guard=Careful(board),
                listen=lambda event: None,
            ),
            places=self.places,
            ends=lambda wanted: self.places(()),  # type: ignore[arg-type,return-value]
            endings=NoEnds(),
            spawn=self.works.append,
        )
        self.ring = Ring(self)
        self.watches = cast(list[Watch], [self.ring])
        self.node.begin(self.watches, asyncio.get_running_loop())
        told = {each.id for each in found.deaths}
        for number in self.died:  # the runtime's list has them still
            if death(number).id not in told:
                self.node.tell(ExitRecorded(death=death(number)))
        self.node.settle()

    async def places(
        self, victims: tuple[tuple[int, int], ...]
    ) -> dict[int, tuple[str, Attribution]]:
        return {}

    def forget(self) -> None:
        for work in self.works:
            work.close()
        self.works.clear()

    # What happens

    def kill(self, calls: int, size: int, cgroup: str, header: bool, read: bool) -> None:
        for _ in range(calls):
            pids = [next(self.pids) for _ in range(size)]
            if header:
                self.kernel.header(pids[0], cgroup, cgroup, heard=False)
            for pid in pids:
                self.kernel.kill(pid, heard=False)
                if size > 1 and pid == pids[0]:
                    self.kernel.say(OOMGroupKill(cgroup=cgroup), heard=False)
            self.killed |= set(pids)
        self.clock.now_ns = max(self.clock.now_ns, self.kernel.now)
        if read:
            self.ring.catch_up(asyncio.get_running_loop())

    def die(self, keep: int, limit_bytes: int) -> None:
        """SIGKILL: of what waits for the disk some was written."""
        self.disk.write(keep, limit_bytes)
        self.disk.store.close()
        self.start()

    def stop(self) -> None:
        self.ring.catch_up(asyncio.get_running_loop())
        self.node.close()
        self.stream.close()
        self.disk.write(ALL, ALL)
        self.disk.store.close_clean(self.disk.writer._numbering())
        self.start()

    def tick(self, ns: int) -> None:
        self.kernel.now = self.clock.now_ns = self.clock.now_ns + ns
        self.node.tick(self.watches, asyncio.get_running_loop())

    def names(self, known: bool) -> None:
        cast(Directory, self.kernel.names).told = known
        for cgroup in (CONTAINER, OTHER) if known else ():
            container = self.kernel.names.names(place(cgroup))
            assert container is not None
            self.node.take([NamesSeen(container=container)])

    def end(self) -> None:
        self.died.append(len(self.died))
        self.node.tell(ExitRecorded(death=death(self.died[-1])))
        self.node.settle()

    async def answer(self) -> None:
        works, self.works[:] = tuple(self.works), []
        for work in works:
            await work
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def settled(self) -> None:
        self.names(True)
        for _ in range(20):
            self.tick(2 * SECOND)
            for _ in range(len(self.killed) + 1):
                self.node.settle()
            await self.answer()
        assert not self.ledger.behind

    # What must be so

    def check_found(self, found: Recovered) -> None:
        """On the disk incidents and books are of one moment, and so are the counters."""
        if found.checkpoint is None:
            assert not found.incidents
            return
        point = Checkpoint.decode(found.checkpoint)
        explained = point.victims + point.repeats + point.unplaced + point.unattributed
        assert sum(incident.counted for incident in found.incidents) == explained
        assert len({pid for i in found.incidents for pid in pids_of(i)}) <= len(self.killed)
        assert sum(each.count for each in found.exits) == len(found.deaths)

    def check(self) -> None:
        books = self.ledger.books()
        assert books.balanced
        assert (books.counted, books.pending) == (len(self.killed), 0)
        held, _ = self.index.select(limit=9999)
        booked = Counter(pid for incident in held for pid in pids_of(incident))
        assert booked == Counter(self.killed)
        containers = self.series.series(books).containers
        assert sum(sum(each.kills.values()) for each in containers) == books.victims
        counts = [sum(each.values()) for each in self.exits.counts().values()]
        assert sum(counts) == len(self.died)

    def check_stored(self) -> None:
        found = self.disk.recovered
        victims = self.ledger.books().victims
        counted = [each for each in found.kills if each.sum.counter is OOMCounter.KILLS]
        assert sum(each.count for each in counted) == victims
        assert not [each for each in found.kills if each.sum.counter is OOMCounter.WAITING]


class Careful(Guard):
    """Hides nothing."""

    def call(self, name: str, part: Any) -> Any:
        return part()

    def attempt(self, name: str, part: Any) -> bool:
        part()
        return True


def pids_of(incident: OOMIncident) -> list[int]:
    return [victim.pid for victim in incident.victims if victim.pid is not None]


FEW = st.integers(0, 4)
BATCH = st.sampled_from([1, 4096, ALL])
KILL = st.tuples(
    st.just("kill"),
    st.integers(1, 8),
    st.sampled_from([1, 1, 1, 3]),
    st.sampled_from([CONTAINER, OTHER]),
    st.booleans(),
    st.booleans(),
)
STEP = st.one_of(
    KILL,
    KILL,
    st.tuples(st.just("settle")),
    st.tuples(st.just("write"), FEW, BATCH),
    st.tuples(st.just("die"), FEW, BATCH),
    st.tuples(st.just("stop")),
    st.tuples(st.just("tick"), st.sampled_from([1, SECOND, 3 * SECOND, 31 * SECOND])),
    st.tuples(st.just("names"), st.booleans()),
    st.tuples(st.just("answer")),
    st.tuples(st.just("end")),
)


async def live(path: Path, steps: list[tuple[Any, ...]]) -> None:
    asyncio.get_running_loop().call_later = Never  # type: ignore[method-assign,assignment]
    world = World(path)
    for name, *how in steps:
        match name:
            case "settle":
                world.node.settle()
            case "write":
                world.disk.write(*how)
            case "answer":
                await world.answer()
            case _:
                getattr(world, name)(*how)
    await world.settled()
    world.check()
    world.stop()
    world.check()
    world.check_stored()
    world.forget()
    world.disk.store.close()


class Never:
    """The loop's timer: a test settles when it wants to."""

    def __init__(self, *arguments: object) -> None: ...
    def cancel(self) -> None: ...


STORM = ("kill", 7, 1, CONTAINER, True, True)
"""More than is told in one go: its first part is stored, and nothing claims it."""


@settings(max_examples=30, deadline=None)
@example(steps=[STORM, ("die", 1, 1)])
@example(steps=[STORM, ("settle",), ("die", 2, 1)])
@example(steps=[STORM, ("die", 4, 1), ("die", 4, 1), ("die", 0, 1)])
@example(steps=[STORM, ("settle",), ("settle",), ("stop",), STORM, ("die", 4, 1)])
@example(steps=[("names", False), STORM, ("die", 4, 1), ("names", True), ("die", 4, ALL)])
@given(steps=st.lists(STEP, max_size=20))
def test_killed_between_any_two_steps(steps: list[tuple[Any, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as directory:
        patch.setattr("agent.ledger.closing.MAX_A_FLUSH", AT_ONCE)
        asyncio.run(live(Path(directory) / "journal.db", steps))
