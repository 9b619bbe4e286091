"""What is left over: now and then all cgroups and the runtime's list are held against each other,
and the tasks of those that were asked to die are read.

All reading is done in workers that can be left behind, at most one question is with the runtime,
and none while it is silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec import Struct, field

from agent.derive.afterlife import AfterlifeFold, Look
from agent.derive.dead_pods import PodLook
from agent.derive.undying import AFTER_NS
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.cri import CriContainerStatus
from agent.host.proc import ProcReader
from agent.host.tasks import TaskReader
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing, word
from agent.inventory.records import ContainerRecord
from agent.inventory.runtime_view import runtime_view
from agent.ledger.deaths import SAME_PROCESS_NS, DeathBook
from agent.model.absence import Absence, Absent, ParseError
from agent.model.afterlife import Afterlife, Kill, Life
from agent.model.afterlife import TaskList as Tasks
from agent.model.cgroup import CgroupId
from agent.model.death import SignalSent
from agent.model.process import ProcessCapture
from agent.observe.tasks import read_lives, read_tasks

TASKS = "tasks"
LOOK_SECONDS = 5.0
ASK_SECONDS, ASK_SOON_SECONDS = 30.0, 5.0
"""Between two questions for the runtime's list: of 250 containers it costs both sides some
milliseconds. The second while the next answer can prove something.
"""
READ_SECONDS = 5.0
HUNG_SECONDS = 60.0
"""Tasks whose reading hung are not read again for so long, nor before it has come back."""
INITS = "inits"
MAX_LISTS = 16
"""Containers whose tasks are read in one look."""
MAX_STATUSES = 16
"""Exits that the runtime is asked for in one look."""
MAX_KILLED = 2048
"""Killed processes that are looked for in one look: all, unless nobody tells us of exits."""
SIGKILL = 9
SI_KERNEL = 128


class _Read(Struct, frozen=True, kw_only=True):
    """What one pass of the worker brought."""

    lives: dict[CgroupId, Life]
    cgroups: dict[int, str]  # of the killed processes that live, by pid
    ended: set[int]  # the killed processes that do not


class AfterlifeWatch(Struct, kw_only=True):
    """Owns the fold and the last report; None while nothing can be read."""

    clock: Clock
    fs: CgroupFs
    proc: ProcReader
    tasks: TaskReader
    inventory: Inventory
    deaths: DeathBook
    workers: Workers  # for all looks, and for inits: a thread for each
    stacks: Workers  # for the tasks of the dying, the likeliest to hang
    board: SourceBoard
    guard: Guard
    listing: Callable[[], Awaitable[Listing | None]]
    status: Callable[[str], Awaitable[CriContainerStatus | None]]
    report: Afterlife | None = None
    _fold: AfterlifeFold = field(default_factory=AfterlifeFold)
    _ask_due_ns: int = 0
    _looks: int = 0
    _ended: set[tuple[int, int]] = field(default_factory=set)  # killed: (pid, when), not there
    _exits: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    _hung_until_ns: dict[CgroupId, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(TASKS, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round."""
        now = self.clock.boottime_ns()
        records = tuple(self.inventory.alive())
        killed = self._killed(now)
        read = await self._read(records, killed)
        if read is None:
            self.report = None
            return
        look = Look(
            boottime_ns=now,
            records=records,
            lives=read.lives,
            pods=tuple(
                PodLook(pod=pod, containers=self.inventory.in_pod(pod.names.pod_uid))
                for pod in self.inventory.alive_pods()
            ),
            kills=self._kills(killed, read),
        )
        self._fold.observe(look)
        await self._ask_runtime(look)
        now = self.clock.boottime_ns()
        self.report = self._fold.report(
            now,
            tasks=await self._read_tasks(now),
            inits=await self._read_inits(),
            exits=await self._ask_exits(now),
        )

    # SIGKILL that has not killed

    def _killed(self, now_ns: int) -> dict[int, SignalSent]:
        unfinished = self.deaths.unfinished(SIGKILL, now_ns - AFTER_NS)
        self._ended &= {(pid, sent.boottime_ns) for pid, sent in unfinished.items()}
        there = ((p, s) for p, s in unfinished.items() if (p, s.boottime_ns) not in self._ended)
        return dict(list(there)[-MAX_KILLED:])

    def _kills(self, killed: Mapping[int, SignalSent], read: _Read) -> dict[CgroupId, Kill]:
        """The first of each container."""
        self._ended |= {(pid, killed[pid].boottime_ns) for pid in read.ended}
        found: dict[CgroupId, Kill] = {}
        for pid, cgroup in read.cgroups.items():
            record = self.inventory.by_path(cgroup)
            sent = killed[pid]
            if record is None:
                continue
            before = found.get(record.id)
            if before is None or sent.boottime_ns < before.boottime_ns:
                found[record.id] = Kill(
                    pid=pid,
                    boottime_ns=sent.boottime_ns,
                    sender_pid=sent.sender_pid,
                    sender_comm=sent.sender_comm,
                    by_kernel=sent.code == SI_KERNEL,
                )
        return found

    async def _read(
        self, records: tuple[ContainerRecord, ...], killed: Mapping[int, SignalSent]
    ) -> _Read | None:
        paths = {record.id: record.place.path for record in records}
        try:
            read = await self.workers.run(
                lambda: _look(self.fs, self.proc, self.tasks, paths, killed),
                deadline_seconds=READ_SECONDS,
                key=TASKS,
            )
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(TASKS, Absent(absence=Absence.FAILED, detail=str(error)))
            return None
        self.board.up(TASKS)
        self._looks += 1
        self.board.count(TASKS, self._looks)
        return read

    # The runtime

    async def _ask_runtime(self, look: Look) -> None:
        now = look.boottime_ns
        soon_ns = now + int(ASK_SOON_SECONDS * 1e9)
        if self._fold.suspicious:
            self._ask_due_ns = min(self._ask_due_ns, soon_ns)
        if now < self._ask_due_ns:
            return
        listing = await self.listing()
        view = None if listing is None else runtime_view(listing, now)
        known: Iterable[ContainerRecord] = ()
        if view is not None:
            found = map(self.inventory.by_container_id, view.entries)
            known = [record for record in found if record is not None]
        self._fold.answered(view, look, known)
        calm = view is not None and not self._fold.suspicious
        self._ask_due_ns = now + int(ASK_SECONDS * 1e9) if calm else soon_ns

    async def _ask_exits(self, now_ns: int) -> dict[str, tuple[int | None, str]]:
        wanted = self._fold.wants_exits(now_ns)
        self._exits = {key: said for key, said in self._exits.items() if key in wanted}
        for key in [key for key in wanted if key not in self._exits][:MAX_STATUSES]:
            status = await self.status(key)
            if status is None:
                break  # it does not know it, or is silent: asked again at the next look
            if status.exit_code is not None:
                self._exits[key] = status.exit_code, word(status)
        return self._exits

    # Tasks

    async def _read_tasks(self, now_ns: int) -> dict[CgroupId, Tasks]:
        wanted = self._fold.wants_tasks(now_ns)
        self._hung_until_ns = {k: v for k, v in self._hung_until_ns.items() if k in wanted}
        found = {}
        for key, path in list(wanted.items())[:MAX_LISTS]:
            if self._hung_until_ns.get(key, 0) > now_ns:
                found[key] = Tasks(absent="reading them hangs")
                continue
            try:
                found[key] = await self.stacks.run(
                    read_tasks, self.fs, self.tasks, path, deadline_seconds=READ_SECONDS, key=key
                )
            except (Abandoned, TooManyAbandoned) as error:
                self._hung_until_ns[key] = now_ns + int(HUNG_SECONDS * 1e9)
                found[key] = Tasks(absent=f"reading them hangs: {error}")
        return found

    async def _read_inits(self) -> dict[int, ProcessCapture]:
        now = self.clock.boottime_ns()
        pids = self._fold.wants_inits()
        try:
            found = await self.workers.run(
                lambda: {pid: self.proc.capture(pid, not_after_boottime_ns=now) for pid in pids},
                deadline_seconds=READ_SECONDS,
                key=INITS,
            )
        except (Abandoned, TooManyAbandoned):
            return {}
        return {pid: init for pid, init in found.items() if init is not None}


def _look(
    fs: CgroupFs,
    proc: ProcReader,
    tasks: TaskReader,
    paths: Mapping[CgroupId, str],
    killed: Mapping[int, SignalSent],
) -> _Read:
    """In a worker."""
    cgroups, ended = {}, set()
    for pid, sent in killed.items():
        try:
            if tasks.lives(pid, started_before_ns=sent.boottime_ns + SAME_PROCESS_NS):
                cgroups[pid] = proc.memory_cgroup(pid)
            else:
                ended.add(pid)
        except (SourceAbsent, ParseError):
            continue  # not known: looked for again
    return _Read(lives=read_lives(fs, paths), cgroups=cgroups, ended=ended)
