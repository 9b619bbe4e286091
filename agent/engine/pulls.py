"""containerd's pulls: what it has open is looked at every few seconds, oftener while it pulls.

All reading is done in workers that can be left behind; what lies on containerd's own disk is asked
for apart, so that a look never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.disk_chain import disk_chain
from agent.derive.pulls import Moment, Pulls
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence, Absent
from agent.model.disks import DiskReport, DiskState
from agent.model.oom import Container
from agent.model.pulls import BlobFile, EndedPull, Outcome, Pull, PullReport
from agent.model.runtime import DaemonProcess, ProcessKey, RuntimeReport
from agent.observe.pulls import PullSight, Sight
from agent.parse.containerd_content import blob_path

PULLS = "pulls"
IDLE_SECONDS = 4.0
BUSY_SECONDS = 2.0
FIRST_SECONDS = 0.1
"""While it is not known yet whether there is a runtime."""
BUSY_NS = 10 * 1_000_000_000
"""After a blob was seen: the next one of its image follows soon."""
LOOK_SECONDS = 5.0
"""The kernel answers a look in milliseconds."""
DISK_SECONDS = 1.0
"""So long a look waits for what lies on containerd's disk; it is asked again at the next one."""
MAX_ENDED = 32
CONTAINERD = "containerd"


class PullWatch(Struct, kw_only=True):
    """Owns the fold and the last report."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    workers: Workers
    sight: PullSight
    off: str  # why it is not to be looked at
    runtime: Callable[[], RuntimeReport | None]
    disks: Callable[[], DiskReport | None]
    waiting: Callable[[], tuple[Container, ...]]  # pods without a container
    stalled_after: float
    report: PullReport | None = None
    _key: ProcessKey | None = None
    _pulls: Pulls | None = None
    _described: dict[str, BlobFile] = field(default_factory=dict)
    _ended: deque[EndedPull] = field(default_factory=lambda: deque(maxlen=MAX_ENDED))
    _ends: Counter[Outcome] = field(default_factory=Counter)
    _busy_ns: int = 0  # until when it is looked at more often
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while not self.off:
            await self.guard.round(PULLS, self.look())
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        if self.runtime() is None:
            return FIRST_SECONDS
        idle = self.report is not None and self.clock.boottime_ns() >= self._busy_ns
        return IDLE_SECONDS if idle else BUSY_SECONDS

    async def look(self) -> None:
        """One round."""
        runtime = self.runtime()
        if runtime is None:
            if self.report is not None:
                detail = "whether containerd runs is not known"
                self._blind(Absent(absence=Absence.FAILED, detail=detail))
            return
        process = runtime.process
        if process is None or process.comm != CONTAINERD:
            self._blind(_nobody(process))
            return
        pid = process.key.pid
        if self._pulls is None or self._key != process.key:  # its descriptors went with it
            self._key, self._described = process.key, {}
            self._pulls = Pulls(stalled_after=self.stalled_after)
        try:
            seen = await self.workers.run(
                self.sight.look, pid, deadline_seconds=LOOK_SECONDS, key="look"
            )
        except (Abandoned, TooManyAbandoned) as error:
            self._blind(Absent(absence=Absence.FAILED, detail=str(error)))
            return
        except SourceAbsent as error:
            self._blind(error.absent)
            return
        files = await self._described_files(pid, seen)
        self._looks += 1
        self.board.up(PULLS)
        self.board.count(PULLS, self._looks)
        await self._fold(self._pulls, process, seen, files)

    async def _fold(
        self, fold: Pulls, process: DaemonProcess, seen: Sight, files: tuple[BlobFile, ...]
    ) -> None:
        now, disks = self.clock.boottime_ns(), self.disks()
        if files:
            self._busy_ns = now + BUSY_NS
        states = () if disks is None else disks.disks
        moment = Moment(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            files=files,
            unpacked=seen.files.unpacked,
            connections=seen.connections,
            chain=lambda device: tuple(disk_chain(device, states)) if device else (),
            state=process.state,
            blocked=bool(seen.blocked),
        )
        pulls, over = fold.take(moment)
        for pull in over:
            outcome = await self._outcome(process.key.pid, pull)
            self._ends[outcome] += 1
            ended = EndedPull(pull=pull, ended_boottime_ns=now, outcome=outcome)
            self._ended.appendleft(ended)
        beneath: dict[str, DiskState] = {}
        for device in {pull.file.device for pull in pulls}:
            beneath |= {state.disk.name: state for state in moment.chain(device)}
        self.report = PullReport(
            boottime_ns=now,
            wall_ns=moment.wall_ns,
            stalled_after_seconds=self.stalled_after,
            pid=process.key.pid,
            comm=process.comm,
            pulls=pulls,
            connections=seen.connections,
            connections_absent=seen.connections_absent,
            disks=tuple(beneath.values()),
            waiting=self.waiting() if pulls else (),
            ended=tuple(self._ended),
            ends=dict(self._ends),
        )

    async def _described_files(self, pid: int, seen: Sight) -> tuple[BlobFile, ...]:
        """The blobs with what lies beside them, as far as that can be read."""
        found = []
        described: dict[str, BlobFile] = {}
        for file in seen.files.blobs:
            known = self._described.get(file.id)
            if known is None or known.unread:
                known = await self._describe(pid, file)
            described[file.id] = known
            found.append(replace(known, bytes=file.bytes))
        self._described = described
        return tuple(found)

    async def _describe(self, pid: int, file: BlobFile) -> BlobFile:
        try:
            return await self.workers.run(
                self.sight.files.describe, pid, file, deadline_seconds=DISK_SECONDS, key="disk"
            )
        except (Abandoned, TooManyAbandoned):
            return replace(file, unread="reading containerd's disk hangs")

    async def _outcome(self, pid: int, pull: Pull) -> Outcome:
        file = pull.file
        if file.unpacking:
            return Outcome.UNPACKED
        if not file.digest:
            return Outcome.UNKNOWN
        path = blob_path(file.path, file.digest)
        try:
            whole = await self.workers.run(
                self.sight.files.exists, pid, path, deadline_seconds=DISK_SECONDS, key="disk"
            )
        except (Abandoned, TooManyAbandoned, SourceAbsent):
            return Outcome.UNKNOWN
        return Outcome.WHOLE if whole else Outcome.GIVEN_UP

    def _blind(self, absent: Absent) -> None:
        self.board.absent(PULLS, absent)
        self.report = None


def _nobody(process: DaemonProcess | None) -> Absent:
    if process is None:
        return Absent(absence=Absence.VANISHED, detail="no process of containerd is known")
    detail = f"the runtime is {process.comm}: only containerd's pulls are seen"
    return Absent(absence=Absence.UNSUPPORTED, detail=detail)
