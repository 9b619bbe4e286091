"""agent.engine.headroom on a made-up host, with a file system that hangs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.config.settings import Kubelet
from agent.engine import headroom
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.headroom import DISKS, KUBELET, MEMORY, HeadroomWatch
from agent.engine.kubelet_facts import read_kubelet_facts
from agent.engine.usage_parts import HEADROOM_WORKERS
from agent.host.absence import SourceAbsent
from agent.host.clock import HostClock
from agent.host.disk_room import disk_room
from agent.host.kubelet import KubeletFinder
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.memory import Headroom, Room, RootMemory, Signal
from agent.model.source import SourceState
from tests.host.hanging import HangingWorkers

CONFIG = (
    "kind: KubeletConfiguration\nevictionHard: {memory.available: 100, nodefs.available: 10%}\n"
)


class _Memory:
    def __init__(self) -> None:
        self.error: SourceAbsent | None = None

    def root(self) -> RootMemory:
        if self.error is not None:
            raise self.error
        return RootMemory(total=1000, free=0, inactive_file=0, anon=500, file=100)

    def kubepods(self) -> Room:
        raise SourceAbsent(Absence.UNSUPPORTED, "/kubepods has no memory limit")

    def tasks(self) -> Room:
        return Room(available=90, capacity=100)


class _Watched:
    def __init__(self, top: Path) -> None:
        for directory in ("proc", "var/lib/kubelet", "images"):
            (top / directory).mkdir(parents=True)
        (top / "var/lib/kubelet/config.yaml").write_text(CONFIG)
        root, clock = HostRoot.at(top), HostClock()
        self.board = SourceBoard(clock)
        self.memory = _Memory()
        self.asked = 0

        async def images() -> str:
            self.asked += 1
            return "/images"

        memory: Any = self.memory
        self.workers = HangingWorkers(HEADROOM_WORKERS)
        self.watch = HeadroomWatch(
            settings=Kubelet(),
            mode=CgroupMode.V2,
            memory=memory,
            kubelet=KubeletFinder(root, ProcReader(root)),
            clock=clock,
            workers=self.workers,
            board=self.board,
            guard=Guard(self.board),
            names=lambda sample: None,
            image_directory=images,
        )

    async def look(self) -> dict[Signal, Headroom]:
        await self.watch.look()
        assert self.watch.report is not None
        return {found.signal: found for found in self.watch.report.headrooms}

    def state(self, name: str) -> SourceState:
        return next(source.state for source in self.board.health() if source.name == name)


@pytest.fixture
def watched(tmp_path: Path) -> _Watched:
    return _Watched(tmp_path)


async def test_a_round(watched: _Watched) -> None:
    """Everything is read, folded and told; the kubelet is not asked again within its minute."""
    found = await watched.look()
    assert found[Signal.MEMORY].left == 300
    assert found[Signal.ALLOCATABLE_MEMORY].absent == "/kubepods has no memory limit"
    assert found[Signal.NODEFS].where == "/var/lib/kubelet"
    assert found[Signal.NODEFS].left is not None
    assert found[Signal.IMAGEFS].where == "/images"
    assert found[Signal.IMAGEFS].threshold is None
    assert found[Signal.PID].room == Room(available=90, capacity=100)
    assert watched.watch.report is not None
    assert watched.watch.report.choice is not None
    assert watched.watch.report.choice.assumed
    assert {watched.state(name) for name in (MEMORY, KUBELET, DISKS)} == {SourceState.UP}
    await watched.look()
    assert watched.asked == 1


async def test_the_root_cannot_be_read(watched: _Watched) -> None:
    """Absent, with the reason; what was crossed is not crossed for that."""
    watched.memory.error = SourceAbsent(Absence.DENIED, "memory.stat: Permission denied")
    found = await watched.look()
    assert found[Signal.MEMORY].room is None
    assert found[Signal.MEMORY].absent == "memory.stat: Permission denied"
    assert watched.state(MEMORY) is SourceState.DOWN
    assert found[Signal.NODEFS].room is not None


async def test_a_hung_file_system(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is left behind, told, and not asked again at once; memory goes on."""
    asked = []

    def hangs(path: Path) -> tuple[Room, Room | None]:
        asked.append(path)
        if path == tmp_path / "images":
            watched.workers.hang()
        return disk_room(path)

    monkeypatch.setattr(headroom, "disk_room", hangs)
    found = await watched.look()
    assert "hangs" in found[Signal.IMAGEFS].absent
    assert watched.state(DISKS) is SourceState.DOWN
    found = await watched.look()
    assert "did not return" in found[Signal.IMAGEFS].absent
    assert found[Signal.MEMORY].left == 300
    assert found[Signal.NODEFS].room is not None
    assert asked.count(tmp_path / "images") == 1
    assert watched.workers.abandoned == 1
    watched.workers.let_go()


async def test_a_disk_that_is_dead_for_long(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both file systems and the kubelet's files: each costs one thread, however long it lasts, and
    memory is read all the while. All are read again when it answers.
    """
    await watched.look()
    monkeypatch.setattr(headroom, "HUNG_SECONDS", 0)  # each look is after the pause
    monkeypatch.setattr(headroom, "KUBELET_SECONDS", 0)
    watched.watch._facts_due_ns = 0

    def hanging(then: Any) -> Any:
        def hangs(*args: Any, **more: Any) -> Any:
            watched.workers.hang()
            return then(*args, **more)

        return hangs

    monkeypatch.setattr(headroom, "disk_room", hanging(disk_room))
    monkeypatch.setattr(headroom, "read_kubelet_facts", hanging(read_kubelet_facts))
    for _ in range(5):
        found = await watched.look()
        assert found[Signal.MEMORY].left == 300
        assert "hangs" in found[Signal.NODEFS].absent
        assert "hangs" in found[Signal.IMAGEFS].absent
        assert watched.state(MEMORY) is SourceState.UP
        assert watched.state(KUBELET) is SourceState.DOWN
        assert watched.workers.abandoned == 3
    watched.workers.let_go()
    monkeypatch.setattr(headroom, "disk_room", disk_room)
    monkeypatch.setattr(headroom, "read_kubelet_facts", read_kubelet_facts)
    while watched.workers.abandoned:
        await asyncio.to_thread(lambda: None)
    found = await watched.look()
    assert found[Signal.NODEFS].room is not None
    assert found[Signal.IMAGEFS].room is not None
    assert {watched.state(name) for name in (KUBELET, DISKS)} == {SourceState.UP}
