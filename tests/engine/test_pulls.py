"""agent.engine.pulls: what is looked at, what is over, and what hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import cast

import pytest
from msgspec.structs import replace

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.pulls import BUSY_SECONDS, FIRST_SECONDS, IDLE_SECONDS, PULLS, PullWatch
from agent.engine.pulls_parts import waiting_pods
from agent.host.absence import SourceAbsent
from agent.host.containerd_files import OpenFiles
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.model.absence import Absence
from agent.model.oom import Container
from agent.model.pulls import BlobFile, Cause, Outcome
from agent.model.runtime import RuntimeReport
from agent.model.source import SourceState
from agent.observe.pulls import PullSight, Sight
from agent.parse.cgroup_path import place
from tests.observe.fakes import FakeClock
from tests.serve.io_sample import DISKS
from tests.serve.pulls_sample import DIGEST, LAYER, READ, S, connection
from tests.serve.runtime_sample import PROCESS, RUNTIME

RUNNING = replace(RUNTIME, process=replace(PROCESS, state="S"))
BARE = replace(LAYER, device="", kind="", digest="", total_bytes=None, started_wall_ns=None)
POD = Container(namespace="shop", pod="web-0")


class FakeFiles:
    """containerd's disk."""

    def __init__(self) -> None:
        self.hangs: threading.Event | None = None
        self.described = 0
        self.there: bool | SourceAbsent = True
        self.asked: list[str] = []

    def describe(self, pid: int, file: BlobFile) -> BlobFile:
        self.described += 1
        if self.hangs is not None:
            self.hangs.wait()
        return replace(LAYER if not file.unpacking else READ, bytes=file.bytes)

    def exists(self, pid: int, path: str) -> bool:
        self.asked.append(path)
        if isinstance(self.there, SourceAbsent):
            raise self.there
        return self.there


class FakeSight:
    """What the kernel shows next."""

    def __init__(self) -> None:
        self.files = FakeFiles()
        self.now: Sight | SourceAbsent = Sight(files=OpenFiles())

    def look(self, pid: int) -> Sight:
        assert pid == PROCESS.key.pid
        if isinstance(self.now, SourceAbsent):
            raise self.now
        return self.now


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(100 * S)
        self.board = SourceBoard(self.clock)
        self.sight = FakeSight()
        self.runtime: RuntimeReport | None = RUNNING
        self.watch = PullWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(3),
            sight=cast(PullSight, self.sight),
            off="",
            runtime=lambda: self.runtime,
            disks=lambda: DISKS,
            waiting=lambda: (POD,),
            stalled_after=30.0,
        )

    def pull(self, *files: BlobFile) -> None:
        quiet = connection(1, since_received_seconds=99.0)
        self.sight.now = Sight(files=OpenFiles(blobs=files), connections=(quiet,))

    def look(self, after: float = 2.0) -> None:
        self.clock.now_ns += int(after * S)
        asyncio.run(self.watch.look())

    def state(self) -> tuple[SourceState, str]:
        row = next(row for row in self.board.health() if row.name == PULLS)
        return row.state, row.detail


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_pull(bench: Bench) -> None:
    """Seen, stalled, and over: what is beside it is read once, and where it went is looked up."""
    bench.look()
    assert bench.state() == (SourceState.UP, "")
    assert bench.watch.report is not None
    assert (bench.watch.report.pulls, bench.watch.report.waiting) == ((), ())
    bench.pull(BARE)
    bench.look()
    bench.look(31)
    report = bench.watch.report
    (pull,) = report.pulls
    assert (pull.stalled, pull.cause, pull.file.digest) == (True, Cause.SILENT, DIGEST)
    assert [state.disk.name for state in report.disks] == ["nvme0n1"]
    assert report.waiting == (POD,)
    assert bench.sight.files.described == 1
    bench.pull()
    bench.look()
    report = bench.watch.report
    (ended,) = report.ended
    assert (ended.outcome, ended.pull.meanwhile.still_seconds) == (Outcome.WHOLE, 31.0)
    assert report.ends == {Outcome.WHOLE: 1}
    assert bench.sight.files.asked == [
        LAYER.path.partition("/ingest/")[0] + f"/blobs/{DIGEST.replace(':', '/')}"
    ]


def test_ends(bench: Bench) -> None:
    """Given up; one that was unpacked; one of which it cannot be known."""
    for there, files, outcome in (
        (False, (BARE,), Outcome.GIVEN_UP),
        (SourceAbsent(Absence.FAILED, "I/O error"), (BARE,), Outcome.UNKNOWN),
        (True, (READ,), Outcome.UNPACKED),
    ):
        bench.sight.files.there = there
        bench.pull(*files)
        bench.look()
        bench.look()
        bench.pull()
        bench.look()
        assert bench.watch.report is not None
        assert bench.watch.report.ended[0].outcome is outcome
    assert bench.watch.report is not None
    assert len(bench.watch.report.ended) == 3


def test_disk_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pull is seen all the same, and who it is when the disk answers again."""
    monkeypatch.setattr("agent.engine.pulls.DISK_SECONDS", 0.0)
    hangs = bench.sight.files.hangs = threading.Event()
    bench.pull(BARE)
    bench.look()
    report = bench.watch.report
    assert report is not None
    (pull,) = report.pulls
    assert (pull.file.bytes, pull.file.digest) == (BARE.bytes, "")
    assert pull.file.unread == "reading containerd's disk hangs"
    bench.look()  # refused: one thread is lost to it at most, not all
    assert bench.sight.files.described <= 1
    bench.pull()
    bench.look()
    assert bench.watch.report is not None
    assert bench.watch.report.ended[0].outcome is Outcome.UNKNOWN
    assert bench.state()[0] is SourceState.UP
    hangs.set()


def test_blind(bench: Bench) -> None:
    """No runtime, another one, one that is gone; a new process begins anew."""
    bench.pull(BARE)
    bench.look()
    bench.sight.now = SourceAbsent(Absence.VANISHED, "No such process")
    bench.look()
    assert bench.state() == (SourceState.ABSENT, "No such process")
    assert bench.watch.report is None
    bench.pull(BARE)
    bench.look()
    bench.runtime = None
    bench.look()
    assert bench.state()[0] is SourceState.DOWN
    bench.runtime = replace(RUNTIME, process=None)
    bench.look()
    assert bench.state() == (SourceState.ABSENT, "no process of containerd is known")
    bench.runtime = replace(RUNTIME, process=replace(PROCESS, comm="crio"))
    bench.look()
    assert bench.state() == (
        SourceState.ABSENT,
        "the runtime is crio: only containerd's pulls are seen",
    )


def test_not_known_yet(bench: Bench) -> None:
    """Before the runtime was looked at, nothing is said."""
    before = bench.state()
    bench.runtime = None
    bench.look()
    assert bench.state() == before


def test_rhythm(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks more often while something is pulled, and a while after; switched off it does not
    look.
    """
    slept: list[float] = []
    bench.runtime = None

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        bench.runtime = RUNNING
        if len(slept) == 2:
            bench.pull(BARE)
        if len(slept) == 3:
            bench.pull()
        if len(slept) == 5:
            bench.clock.now_ns += 11 * S
        if len(slept) == 6:
            raise asyncio.CancelledError

    monkeypatch.setattr("agent.engine.pulls.asyncio.sleep", sleep)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(bench.watch.run())
    busy = [BUSY_SECONDS] * 3
    assert slept == [FIRST_SECONDS, IDLE_SECONDS, *busy, IDLE_SECONDS]
    bench.watch.off = "switched off"
    asyncio.run(bench.watch.run())


def test_waiting_pods() -> None:
    """Pods with a sandbox and without a container, the ended ones included."""
    inventory = Inventory("v2")
    for number, kinds in enumerate(
        (
            (ContainerKind.SANDBOX,),
            (ContainerKind.SANDBOX, ContainerKind.CONTAINER),
            (ContainerKind.UNKNOWN,),
        )
    ):
        uid = f"0f9a4a0e-2a6b-4d0e-8d6b-3f3f0c0d1e2{number}"
        for index, kind in enumerate(kinds):
            identity = f"{number}{index}" * 32
            where = place(f"/kubepods/burstable/pod{uid}/{identity}")
            record = inventory.appeared(where, 100 * number + index, 1)
            assert record is not None
            names = Container(
                namespace="shop",
                pod=f"web-{number}",
                pod_uid=uid,
                id=identity,
                names_from="cri",
            )
            inventory.named(record.id, names, kind)
    assert [pod.pod for pod in waiting_pods(inventory)] == ["web-0"]
