"""Tasks in state D: all tasks are looked at when the kernel says that some wait for io, and now and
then anyway; the more a look costs, the more seldom, but not so that what is told grows old.

All reading is done in workers that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.blocked_since import BlockedSince
from agent.derive.wait_places import waits_for_server
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.blocked import BlockedReport, BlockedTask
from agent.model.cgroup import CgroupPlace
from agent.model.oom import Container
from agent.observe.blocked import BlockedSight
from agent.parse.cgroup_path import place

BLOCKED = "blocked"
TICK_SECONDS = 1.0
SCAN_SECONDS = 15.0
CALM_NS = 30 * 1_000_000_000
"""Between two looks while nothing says that somebody waits, and the longest there is."""
SICK_NS = 2 * 1_000_000_000
COST = 50
"""Between two looks passes so many times what one costs: 2 % of a CPU, up to 0.6 s a look."""
WAITING = 0.5
"""Of a second, in which some task waited for io: one that hangs makes it all of it."""
DETAIL_SECONDS = 3.0
MAX_STACKS = 8
MAX_DEVICES = 32
"""Containers, and processes of the host, of which the devices are read at one look."""
MAX_KEPT = 256


_Wait = tuple[int, int, int, int | None]
"""One wait of one task: who goes on and waits anew is read anew."""


class BlockedWatch(Struct, kw_only=True):
    """Owns the fold and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    sight: BlockedSight
    waited_us: Callable[[], int | None]  # the total of io pressure, some; None: not known
    names: Callable[[CgroupPlace], Container | None]
    blocked_after: float
    report: BlockedReport | None = None
    _fold: BlockedSince = field(default_factory=BlockedSince)
    _waited: tuple[int, int] | None = None
    _stacked: set[_Wait] = field(default_factory=set)
    _asked: dict[str | int, _Wait] = field(default_factory=dict)
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(BLOCKED, self.tick())
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """A look, if one is due."""
        now = self.clock.boottime_ns()
        sick = self._waiting(now) or bool(self.report is not None and self.report.tasks)
        looked = 0 if self.report is None else self.report.looked_boottime_ns
        cost = 0 if self.report is None else int(self.report.look_seconds * COST * 1e9)
        pause = max(SICK_NS, min(cost, CALM_NS)) if sick else CALM_NS
        if looked and now - looked < pause:
            return
        await self.look()

    async def look(self) -> None:
        """All tasks."""
        now = self.clock.boottime_ns()
        try:
            scan = await self.workers.run(self.sight.scan, deadline_seconds=SCAN_SECONDS)
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(BLOCKED, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        except SourceAbsent:
            self.report = None  # what was seen before may be over
            raise
        self._looks += 1
        self.board.up(BLOCKED)
        self.board.count(BLOCKED, self._looks)
        found = self._fold.take(map(self._placed, scan.tasks), now)
        self.report = BlockedReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            looked_boottime_ns=now,
            blocked_after_seconds=self.blocked_after,
            counted=scan.counted,
            looked_at=scan.looked_at,
            look_seconds=scan.seconds,
            io_delay_absent=scan.io_delay_absent,
        )
        self._show(found)
        await self._read_stacks(found)
        self._show(self._fold.tasks())
        await self._read_devices()
        self._show(self._fold.tasks())

    def _show(self, tasks: tuple[BlockedTask, ...]) -> None:
        assert self.report is not None
        kept = tasks[:MAX_KEPT]
        self.report = replace(self.report, tasks=kept, more=self.report.counted - len(kept))

    def _waiting(self, now: int) -> bool:
        """Whether some task of the node has waited for io most of the time since the last tick."""
        total = self.waited_us()
        last, self._waited = self._waited, None if total is None else (now, total)
        if total is None or last is None:
            return total is None
        return total - last[1] >= WAITING * (now - last[0]) / 1e3

    def _placed(self, blocked: BlockedTask) -> BlockedTask:
        where = place(blocked.cgroup)
        return replace(blocked, names=self.names(where), unit=where.unit)

    async def _read_stacks(self, found: tuple[BlockedTask, ...]) -> None:
        """Of the first that wait for too long, once of each wait."""
        assert self.report is not None
        self._stacked &= set(map(_wait, found))
        new = [b for b in self.report.stuck() if _wait(b) not in self._stacked]
        stacked = sum(bool(b.task.stack or b.task.unread) for b in found)
        for blocked in new[: max(0, MAX_STACKS - stacked)]:
            self._stacked.add(_wait(blocked))
            try:
                (task,) = await self.workers.run(
                    self.sight.stacks, (blocked.task,), deadline_seconds=DETAIL_SECONDS
                )
            except (Abandoned, TooManyAbandoned) as error:
                self._fold.learned(
                    replace(blocked, task=replace(blocked.task, unread=f"stack: {error}"))
                )
                return
            self._fold.learned(replace(blocked, task=task))

    async def _read_devices(self) -> None:
        """Of all that wait for too long and may wait for a disk: who waits for a server for days
        must not hide the others. Of one of those that share them, once while it waits.
        """
        assert self.report is not None
        waits = set(map(_wait, self.report.tasks))
        self._asked = {each: wait for each, wait in self._asked.items() if wait in waits}
        new: dict[str | int, BlockedTask] = {}
        for blocked in self.report.stuck():
            if blocked.sharers not in self._asked and not waits_for_server(blocked.task):
                new.setdefault(blocked.sharers, blocked)
        for blocked in list(new.values())[:MAX_DEVICES]:
            self._asked[blocked.sharers] = _wait(blocked)
            try:
                known = await self.workers.run(
                    self.sight.with_devices,
                    blocked,
                    deadline_seconds=DETAIL_SECONDS,
                    key=f"{BLOCKED} devices",  # a mount that hangs holds up all mount tables
                )
            except Abandoned:
                return  # the others when it has come back
            except TooManyAbandoned:
                del self._asked[blocked.sharers]
                return
            self._fold.learned(known)


def _wait(blocked: BlockedTask) -> _Wait:
    task = blocked.task
    return task.pid, task.tid, task.start_boottime_ns, task.since_boottime_ns
