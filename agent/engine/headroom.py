"""Before the kill: once a tick the kubelet's own arithmetic, and what is left to its thresholds.

All reading is done in workers that can be left behind: the kubelet's files and statfs(2) hang with
a dead disk. The event loop folds what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from agent.config.settings import Kubelet
from agent.derive.eaters import Eaters
from agent.derive.headroom import HeadroomFold
from agent.derive.root_usage import choose_form
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.kubelet_facts import read_kubelet_facts
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.disk_room import disk_room
from agent.host.kubelet import KubeletFinder
from agent.host.node_memory import NodeMemory
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent, ParseError
from agent.model.cgroup import CgroupMode
from agent.model.memory import Eater, KubeletFacts, MemoryReport, Readings, Room, RootMemory, Signal
from agent.model.oom import Container
from agent.model.usage import CgroupSample, Sweep

T = TypeVar("T")

MEMORY, KUBELET, DISKS = "node-memory", "kubelet", "filesystems"
KUBELET_SECONDS = 60.0
"""How often the kubelet and its files are looked at again."""
READ_SECONDS = 5.0
HUNG_SECONDS = 60.0
"""A file system that hung is not asked again for so long, nor before it has answered."""
TOP_EATERS = 20
EATERS_SECONDS = 5.0
"""How often those who grow are put in order: it takes a look at each container."""
CONTAINERD_ROOT = "/var/lib/containerd"
_HUNG = "the read hangs"

_Rooms = dict[Signal, Room]
_Gone = dict[Signal, Absent]


class _Round(Struct):
    """What one round of reading has brought together."""

    rooms: _Rooms = field(default_factory=dict)
    absent: _Gone = field(default_factory=dict)
    paths: dict[Signal, str] = field(default_factory=dict)


class HeadroomWatch(Struct, kw_only=True):
    """Owns the fold and the last report."""

    settings: Kubelet
    mode: CgroupMode
    memory: NodeMemory
    kubelet: KubeletFinder
    clock: Clock
    workers: Workers
    board: SourceBoard
    guard: Guard
    names: Callable[[CgroupSample], Container | None]
    image_directory: Callable[[], Awaitable[str]] | None = None  # asks the runtime
    report: MemoryReport | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # once, at least
    _fold: HeadroomFold = field(default_factory=HeadroomFold)
    _eaters: Eaters = field(default_factory=Eaters)
    _top: tuple[Eater, ...] = ()
    _top_due_ns: int = 0
    _facts: KubeletFacts = field(default_factory=KubeletFacts)
    _images: str = ""
    _facts_due_ns: int = 0
    _hung_until_ns: dict[Path, int] = field(default_factory=dict)

    def pressure_crossed(self, at_boottime_ns: int) -> bool | None:
        """Whether an eviction threshold was crossed then or shortly before; None: not known."""
        return self._fold.pressure_crossed(at_boottime_ns)

    def swept(self, sweep: Sweep) -> None:
        """Hear of a sweep: who grows."""
        self._eaters.observe(sweep)

    async def run(self, interval_seconds: float) -> None:
        """Look once per interval, until cancelled."""
        while True:
            await self.guard.round(MEMORY, self.look())
            self.looked.set()
            await asyncio.sleep(interval_seconds)

    async def look(self) -> None:
        """One round."""
        now = self.clock.boottime_ns()
        if now >= self._facts_due_ns:
            self._facts_due_ns = now + int(KUBELET_SECONDS * 1e9)
            await self._look_at_kubelet()
        found = _Round()
        root = await self._read_memory(found)
        await self._read_disks(found)
        readings = Readings(
            boottime_ns=self.clock.boottime_ns(),
            wall_ns=self.clock.wall_ns(),
            root=root,
            rooms=tuple(found.rooms.items()),
            absent=tuple(found.absent.items()),
            paths=tuple(found.paths.items()),
        )
        choice = choose_form(self.mode, self._facts.library, self._facts.version)
        self.report = MemoryReport(
            boottime_ns=readings.boottime_ns,
            wall_ns=readings.wall_ns,
            root=root,
            choice=choice,
            kubelet=self._facts,
            headrooms=self._fold.observe(readings, self._facts.thresholds, choice),
            eaters=self._top_eaters(now),
        )

    def _top_eaters(self, now: int) -> tuple[Eater, ...]:
        if now >= self._top_due_ns:
            self._top = self._eaters.top(TOP_EATERS, self.names)
            self._top_due_ns = now + int(EATERS_SECONDS * 1e9)
        return self._top

    @property
    def facts(self) -> KubeletFacts:
        """What is known of the kubelet."""
        return self._facts

    def read_again(self) -> None:
        """There is another kubelet: look at its files at once."""
        self._facts_due_ns = 0

    async def _look_at_kubelet(self) -> None:
        settings = self.settings
        facts = await self._work(
            KUBELET,
            lambda: read_kubelet_facts(
                self.kubelet,
                known_pid=self._facts.pid,
                config="" if settings.config is None else str(settings.config),
                root_directory=""
                if settings.root_directory is None
                else str(settings.root_directory),
            ),
        )
        if isinstance(facts, Absent):
            self.board.absent(KUBELET, facts)
            if not self._facts.thresholds:  # what was known before is better than nothing
                self._facts = _unread(facts)
        else:
            self._facts = facts
            if facts.problems:
                detail = "; ".join(facts.problems)
                self.board.absent(KUBELET, Absent(absence=Absence.FAILED, detail=detail))
            elif facts.pid is None and not facts.config:
                self.board.absent(KUBELET, Absent(absence=Absence.VANISHED, detail=facts.found))
            else:
                self.board.up(KUBELET)
            self.board.count(KUBELET, 1)
        self._images = await self._ask_images()

    async def _ask_images(self) -> str:
        if self.settings.image_directory is not None:
            return str(self.settings.image_directory)
        if self.image_directory is not None:
            try:
                return await self.image_directory() or self._images or CONTAINERD_ROOT
            except SourceAbsent:  # told under its own name, cri
                pass
        return self._images or CONTAINERD_ROOT

    async def _read_memory(self, found: _Round) -> RootMemory | None:
        read = await self._work(MEMORY, self._rooms)
        root, kubepods, tasks = (read, read, read) if isinstance(read, Absent) else read
        for signal, room in ((Signal.ALLOCATABLE_MEMORY, kubepods), (Signal.PID, tasks)):
            if isinstance(room, Absent):
                found.absent[signal] = room
            else:
                found.rooms[signal] = room
        if isinstance(root, Absent):
            self.board.absent(MEMORY, root)
            found.absent[Signal.MEMORY] = root
            return None
        self.board.up(MEMORY)
        return root

    def _rooms(self) -> tuple[RootMemory | Absent, Room | Absent, Room | Absent]:
        """In the worker, in one go."""
        memory = self.memory
        return _attempt(memory.root), _attempt(memory.kubepods), _attempt(memory.tasks)

    async def _read_disks(self, found: _Round) -> None:
        broken: Absent | None = None
        for path, space, inodes in (
            (self._facts.root_directory, Signal.NODEFS, Signal.NODEFS_INODES),
            (self._images, Signal.IMAGEFS, Signal.IMAGEFS_INODES),
        ):
            rooms = await self._disk(space, path)
            found.paths[space] = found.paths[inodes] = path
            if isinstance(rooms, Absent):
                found.absent[space] = found.absent[inodes] = rooms
                broken = rooms if rooms.absence is not Absence.VANISHED else broken or rooms
                continue
            found.rooms[space] = rooms[0]
            if rooms[1] is not None:
                found.rooms[inodes] = rooms[1]
        self.board.hear(DISKS, broken)

    async def _disk(self, signal: Signal, path: str) -> tuple[Room, Room | None] | Absent:
        now, pid = self.clock.boottime_ns(), self._facts.pid
        where = Path(path)
        if self._hung_until_ns.get(where, 0) > now:
            return Absent(absence=Absence.FAILED, detail=f"{path}: statfs did not return")
        rooms = await self._work(signal, lambda: disk_room(self.kubelet.directory(path, pid)))
        if isinstance(rooms, Absent) and rooms.detail.startswith(_HUNG):
            self._hung_until_ns[where] = now + int(HUNG_SECONDS * 1e9)
        return rooms

    async def _work(self, what: str | Signal, read: Callable[[], T]) -> T | Absent:
        try:
            return await self.workers.run(_attempt, read, deadline_seconds=READ_SECONDS, key=what)
        except (Abandoned, TooManyAbandoned) as error:
            return Absent(absence=Absence.FAILED, detail=f"{_HUNG}: {error}")


def _attempt(read: Callable[[], T]) -> T | Absent:
    try:
        return read()
    except SourceAbsent as error:
        return error.absent
    except ParseError as error:
        return Absent(absence=Absence.FAILED, detail=str(error))


def _unread(absent: Absent) -> KubeletFacts:
    """Nothing could be looked at: the defaults, and why."""
    from agent.derive.eviction_thresholds import eviction_thresholds
    from agent.parse.kubelet_flags import KubeletFlags

    found = eviction_thresholds((), KubeletFlags(), "the kubelet's files cannot be read")
    return KubeletFacts(
        found="not looked at", thresholds=found.thresholds, problems=(absent.detail,)
    )
