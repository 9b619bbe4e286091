"""Answers the ledger's requests: what became of a container, how large a limit is."""

from __future__ import annotations

from heapq import nsmallest
from typing import NamedTuple

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.cri import CriContainerStatus
from agent.host.proc import ProcReader
from agent.inventory.containers import Inventory
from agent.inventory.listing import word
from agent.inventory.records import ContainerRecord
from agent.inventory.resolver import NameResolver
from agent.ledger.deaths import DeathBook
from agent.model.absence import ParseError
from agent.model.cgroup import CgroupId, Limit
from agent.model.death import Death
from agent.model.evidence import FateSeen, FateWanted, LimitSeen, LimitWanted, NamesSeen
from agent.observe.fate import init_alive, start_of

INITS_A_TICK = 64
"""Containers whose init is looked up in one tick: a few reads of procfs each."""

KILLED_EXIT_CODE = 128 + 9
DIED_WITHIN_NS = 5_000_000_000
"""A runtime hears of an exit within this time of the signal, or something else came between."""
CLOCKS_NS = 1_000_000_000
"""How far the wall clock may have been set between the runtime's note and ours."""
INITS_PAUSE_TICKS = 64
"""How rarely a container is asked that shares its pod's pid namespace, or the host's."""


class _Attempt(NamedTuple):
    """How often an init was looked for, and at which tick it is again."""

    number: int
    due_tick: int


class Fates:
    """Reads the host on the ledger's behalf."""

    def __init__(
        self,
        *,
        clock: Clock,
        fs: CgroupFs,
        proc: ProcReader,
        inventory: Inventory,
        resolver: NameResolver,
        deaths: DeathBook,
    ) -> None:
        self._clock = clock
        self._fs = fs
        self._proc = proc
        self._inventory = inventory
        self._resolver = resolver
        self._ticks = 0
        self._attempts: dict[CgroupId, _Attempt] = {}  # by container whose init is not known yet
        self._deaths = deaths

    async def answer(self, wanted: FateWanted) -> tuple[NamesSeen | None, FateSeen]:
        """Whether the container's init lives, by the kernel, else by the runtime's record.

        With it the names of a container that was gone before the agent came.
        """
        place = wanted.place
        record = self._inventory.by_path(place.container_path)
        names = None
        if record is None:
            names = NamesSeen(container=await self._resolver.recall(place))
        known = None
        if record is not None and record.init_pid is not None:
            known = (record.init_pid, record.init_start_boottime_ns or 0)
        alive, pid = init_alive(
            self._fs,
            self._proc,
            place,
            killed_boottime_ns=wanted.killed_boottime_ns,
            watched=wanted.live or wanted.group_kill,
            known_init=known,
        )
        status = await self._resolver.runtime_status(place.container_id)
        if alive is None and status is not None and self._died_then(status, wanted):
            alive = False
        return names, FateSeen(
            incident_id=wanted.incident_id,
            init_alive=alive,
            init_pid=pid,
            runtime_says="" if status is None else word(status),
        )

    def _died_then(self, status: CriContainerStatus, wanted: FateWanted) -> bool:
        """By the runtime's record the container ended by SIGKILL just after this kill."""
        if status.exit_code != KILLED_EXIT_CODE or status.finished_at_ns is None:
            return False
        offset_ns = self._clock.wall_ns() - self._clock.boottime_ns()
        after_ns = status.finished_at_ns - offset_ns - wanted.killed_boottime_ns
        return -CLOCKS_NS <= after_ns <= DIED_WITHIN_NS

    def death(self, pid: int, boottime_ns: int) -> Death | None:
        """How the process ended that was `pid` at that time (CLOCK_BOOTTIME), and who sent it what
        before; None if neither is known (yet: an exit is heard of within a tick).
        """
        return self._deaths.death(pid, boottime_ns)

    def limit(self, wanted: LimitWanted) -> LimitSeen:
        """memory.max of a cgroup; nothing if it is gone or unlimited."""
        try:
            limit = self._fs.limit(wanted.cgroup)
        except (SourceAbsent, ParseError):
            limit = Limit.UNLIMITED
        size = None if isinstance(limit, Limit) else limit
        return LimitSeen(incident_id=wanted.incident_id, limit_bytes=size)

    def find_inits(self) -> None:
        """Learn the init of containers that are new: after a kill it may be too late to tell.

        Each container in its turn; one that has none to be found is asked for ever more rarely.
        """
        self._ticks += 1
        alive = {record.id: record for record in self._inventory.alive()}
        for key in self._attempts.keys() - alive.keys():
            del self._attempts[key]
        unknown = {key: record for key, record in alive.items() if record.init_pid is None}
        never = _Attempt(number=0, due_tick=0)
        due = [
            (attempt.due_tick, index, key)
            for index, key in enumerate(unknown)
            if (attempt := self._attempts.get(key, never)).due_tick <= self._ticks
        ]
        for _, _, key in nsmallest(INITS_A_TICK, due):
            number = self._attempts.get(key, never).number + 1
            pause = min(2 ** (number - 1), INITS_PAUSE_TICKS)
            self._attempts[key] = _Attempt(number=number, due_tick=self._ticks + pause)
            self._find_init(unknown[key])

    def _find_init(self, record: ContainerRecord) -> None:
        try:
            pid = self._proc.init_of(self._fs.procs(record.place.path))
        except (SourceAbsent, ParseError):
            return
        start_ns = None if pid is None else start_of(self._proc, pid)
        if pid is not None and start_ns is not None:
            self._inventory.init_found(record.id, pid, start_ns)
            self._attempts.pop(record.id, None)
