"""The container runtime: looked at in the kernel once a second, asked every few seconds.

All reading is done in workers that can be left behind; the probe is a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from agent.derive.shim_threads import with_blocked
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.runtime_creations import CreationSight
from agent.engine.runtime_former import Former
from agent.engine.runtime_ladder import Ladder
from agent.engine.runtime_shims import Shims
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.blocked import BlockedReport
from agent.model.runtime import DaemonProcess, Rung, RungState, RuntimeReport, Step
from agent.observe.runtime import RuntimeSight, Sight, absent_runtime

RUNTIME = "runtime"
LOOK_SECONDS = 1.0
SIGHT_SECONDS = 5.0
"""A look takes milliseconds; one that takes longer hangs in the file system of the socket."""
LIST_TICKS = 10
"""Every so many looks all processes are listed, by name."""


class RuntimeWatch(Struct, kw_only=True):
    """Owns the ladder, the workers and the last report."""

    path: Path  # of the configuration
    off: str  # why the runtime is not to be asked
    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    sight: RuntimeSight
    ladder: Ladder
    former: Former
    shims: Shims
    creations: CreationSight
    blocked: Callable[[], BlockedReport | None]  # tasks of the node in state D
    expected: Callable[[], bool]  # whether there are pods here, so that a runtime should be
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    interval_seconds: float
    report: RuntimeReport | None = None
    _process: DaemonProcess | None = None
    _file: int | None = None  # inode of the socket's file; None: it is not there
    _last_file: int | None = None
    _ticks: int = 0
    _seen: bool = field(default=False)  # that there is a runtime here

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        if self.off:
            self.report = RuntimeReport(
                boottime_ns=self.clock.boottime_ns(),
                wall_ns=self.clock.wall_ns(),
                socket=str(self.path),
                absent=self.off,
            )
            return
        while True:
            await self.guard.round(RUNTIME, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Close the connection."""
        await self.ladder.runtime.close()

    async def look(self) -> None:
        """One round."""
        now = self.clock.boottime_ns()
        sick = self.report is not None and self.report.failing is not None
        listing = self._ticks % LIST_TICKS == 0 or (sick and self._process is None)
        self._ticks += 1
        known = None if self._process is None else self._process.key.pid
        try:
            seen = await self.workers.run(
                lambda: self.sight.look(
                    (self.ladder.pid, known), list_processes=listing, threads=sick or listing
                ),
                deadline_seconds=SIGHT_SECONDS,
            )
        except (Abandoned, TooManyAbandoned) as error:
            self.board.absent(RUNTIME, Absent(absence=Absence.FAILED, detail=str(error)))
            self.report = None
            return
        await self._take(seen, now)
        self._probe(now)

    async def _take(self, seen: Sight, now: int) -> None:
        if seen.file is not None:
            if self._last_file not in (None, seen.file):
                await (
                    self.ladder.runtime.close()
                )  # another socket: what was asked of the old is void
            self._last_file = seen.file
        self._file = seen.file
        self._process = self.former.turn(self._process, seen.process, now)
        if seen.shims is not None:
            making = frozenset(init.container_id for init in seen.inits)
            await self.shims.take(seen.shims, self.ladder, now, making)
        steps = (_socket_step(seen), *self.ladder.steps())
        if seen.file is not None or self._process is not None:
            self._seen = True
        blind = self.ladder.blind
        if blind is None and not self._seen and not self.expected():
            blind = Absent(absence=Absence.VANISHED, detail=absent_runtime(self.path))
        self.board.hear(RUNTIME, blind)
        absent = "" if blind is None else blind.detail
        self.board.count(RUNTIME, sum(step.latency.count for step in steps))
        said, blocked = self.ladder.said, self.blocked()
        shims = None if self.shims.known is None else with_blocked(self.shims.known, blocked)
        self.report = RuntimeReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            socket=str(seen.path),
            steps=() if absent else steps,
            absent=absent,
            name="" if said is None else said.name,
            version="" if said is None else said.version,
            conditions=self.ladder.conditions,
            sandboxes=None if self.ladder.sandboxes is None else len(self.ladder.sandboxes),
            queues=seen.queues,
            queues_absent=seen.queues_absent,
            process=self._process,
            former=self.former.last,
            restarts=self.former.restarts,
            shims=shims,
            blocked_known=blocked is not None,
            creations=self.creations.look(now, shims or (), seen.inits, self.ladder.sandboxes),
            creation_stalled_after_seconds=self.creations.stalled_after,
        )

    def _probe(self, now: int) -> None:
        """The next probe, if none is under way: at most one of ours is outstanding."""
        ended = self.ladder.ended_ns
        due = ended is None or now - ended >= self.interval_seconds * 1e9
        if due and not self.ladder.climbing and self._file is not None:
            self.spawn(self.guard.run(RUNTIME, self.ladder.climb()))


def _socket_step(seen: Sight) -> Step:
    return Step(
        rung=Rung.SOCKET,
        state=RungState.FAILED if seen.file is None else RungState.OK,
        deadline_seconds=SIGHT_SECONDS,
        detail=seen.file_absent,
    )
