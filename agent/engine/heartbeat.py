"""The heartbeat's paths: the kubelet's connections to the API server, and those that the API server
makes. Their processes are found now and then, their sockets looked at every two seconds, and every
second while something is wrong with one.

All reading is done in workers that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.destinations import Destinations
from agent.derive.dials import Dials
from agent.derive.stalled_connections import StalledConnections
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent, ParseError
from agent.model.cgroup import CgroupPlace
from agent.model.evidence import DialSeen, Observation
from agent.model.heartbeat import Caller, Calls, Connection, HeartbeatReport, Role
from agent.model.oom import Container
from agent.observe.connections import ConnectionSight
from agent.observe.dials import NAME as DIALS
from agent.parse.cgroup_path import place

CONNECTIONS = "connections"
LOOK_SECONDS = 2.0
SICK_SECONDS = 1.0
FIND_NS = 10 * 1_000_000_000
WORK_SECONDS = 5.0
"""The kernel answers a look in milliseconds."""
SYSTEM_NAMESPACE = "kube-system"
"""A pod of another namespace may call a process kube-apiserver, and is not the cluster's."""
MAX_CALLERS = 8
MAX_CONNECTIONS = 256
"""Of one process, in the report."""

Key = tuple[int, int]


class _Folds(Struct, frozen=True):
    connections: StalledConnections
    destinations: Destinations


class HeartbeatWatch(Struct, kw_only=True):
    """Owns the folds and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    sight: ConnectionSight
    names: Callable[[CgroupPlace], Container | None]
    has_thread: Callable[[int, int], bool]
    lost: Callable[[list[Observation]], None]
    api_ports: frozenset[int]
    wanted: str  # the names of the processes, in words
    stalled_after: float
    report: HeartbeatReport | None = None
    _callers: tuple[Caller, ...] = ()
    _folds: dict[Key, _Folds] = field(default_factory=dict)
    _dials: Dials = field(default_factory=Dials)
    _due_ns: int = 0
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.run(CONNECTIONS, self.look())
            await asyncio.sleep(SICK_SECONDS if self._sick() else LOOK_SECONDS)

    def take(self, seen: list[Observation]) -> None:
        """What the watcher of dials tells."""
        for item in seen:
            if isinstance(item, DialSeen):
                self.guard.call(DIALS, partial(self._dialled, item))
        others: list[Observation] = [item for item in seen if not isinstance(item, DialSeen)]
        if others:
            self.lost(others)

    async def look(self) -> None:
        """One round."""
        now = self.clock.boottime_ns()
        try:
            if now >= self._due_ns:
                await self._find(now)
            calls = [await self._look_at(caller) for caller in self._callers]
            if not self._due_ns:  # one has ended: is there another one?
                await self._find(now)
                calls = [await self._look_at(caller) for caller in self._callers]
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(CONNECTIONS, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        except SourceAbsent as error:
            self.board.absent(CONNECTIONS, error.absent)
            self.report = None
            return
        self._looks += 1
        self.board.count(CONNECTIONS, self._looks)
        self.board.hear(CONNECTIONS, self._blindness(calls))
        self.report = HeartbeatReport(
            boottime_ns=self.clock.boottime_ns(),
            wall_ns=self.clock.wall_ns(),
            stalled_after_seconds=self.stalled_after,
            calls=tuple(calls),
            refusals_absent="" if self.board.is_up(DIALS) else "the source dials does not see",
        )

    def _blindness(self, calls: list[Calls]) -> Absent | None:
        if not calls:
            return Absent(absence=Absence.VANISHED, detail=f"no process named {self.wanted}")
        for each in calls:
            if each.absence is not None:
                detail = f"{each.caller.who}: {each.absent}"
                return Absent(absence=each.absence, detail=detail)
        return None

    async def _find(self, now: int) -> None:
        found = await self.workers.run(self.sight.find, deadline_seconds=WORK_SECONDS, key="find")
        self._due_ns = now + FIND_NS
        ours = [caller for caller in map(self._named, found) if caller is not None]
        self._callers = tuple(ours[:MAX_CALLERS])
        keys = {_key(caller) for caller in self._callers}
        self._folds = {key: folds for key, folds in self._folds.items() if key in keys}
        for caller in self._callers:
            answers = caller.role is Role.KUBELET
            new = _Folds(StalledConnections(answers=answers), Destinations())
            self._folds.setdefault(_key(caller), new)

    def _named(self, caller: Caller) -> Caller | None:
        """With its pod; None if it is not the cluster's."""
        where = place(caller.cgroup)
        names = self.names(where)
        known = names is not None and names.namespace == SYSTEM_NAMESPACE
        if (where.pod_uid or where.container_id) and not known:
            return None
        return replace(caller, names=names)

    async def _look_at(self, caller: Caller) -> Calls:
        try:
            found = await self.workers.run(
                self.sight.look, caller, deadline_seconds=WORK_SECONDS, key=("look", caller.pid)
            )
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                self._due_ns = 0
            told = error.absent
            return Calls(caller=caller, absent=told.detail, absence=told.absence)
        except ParseError as error:
            return Calls(caller=caller, absent=str(error), absence=Absence.FAILED)
        return self._folded(caller, found)

    def _folded(self, caller: Caller, found: tuple[Connection, ...]) -> Calls:
        folds, now = self._folds[_key(caller)], self.clock.boottime_ns()
        watched = folds.connections.take(found, now)
        return Calls(
            caller=caller,
            connections=watched[:MAX_CONNECTIONS],
            failing=folds.destinations.take(watched, now),
            more=len(watched[MAX_CONNECTIONS:]),
        )

    def _dialled(self, seen: DialSeen) -> None:
        if not seen.failed:
            for caller in self._callers:
                if self._is_dialled_by(caller, seen) and self.has_thread(caller.pid, seen.tid):
                    self._dials.begun(_key(caller), seen.remote, seen.boottime_ns)
                    return
            return
        whose = self._dials.failed(seen.remote, seen.boottime_ns, serving=seen.serving)
        folds = None if whose is None else self._folds.get(whose[0])
        if whose is not None and folds is not None:
            destinations, refused = folds.destinations, whose[1]
            destinations.failed(seen.remote, seen.local, seen.boottime_ns, refused=refused)

    def _is_dialled_by(self, caller: Caller, seen: DialSeen) -> bool:
        port = int(seen.remote.rpartition(":")[2])
        return caller.role is Role.API_SERVER or port in self.api_ports

    def _sick(self) -> bool:
        report = self.report
        if report is None:
            return False
        return any(
            each.failing or any(watched.trouble is not None for watched in each.connections)
            for each in report.calls
        )


def _key(caller: Caller) -> Key:
    return caller.pid, caller.start_boottime_ns
