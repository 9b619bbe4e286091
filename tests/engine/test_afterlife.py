"""agent.engine.afterlife on a made-up node: whom it asks, and when."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.engine import afterlife
from agent.engine.afterlife import HUNG_SECONDS, TASKS, AfterlifeWatch
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.clock import ticks_to_ns
from agent.host.cri import CriContainer, CriContainerStatus, CriSandbox
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import ContainerKind
from agent.ledger.deaths import DeathBook
from agent.model.afterlife import TaskList
from agent.parse.cgroup_path import place
from tests.derive.afterlife_sample import MAIN, POD, SANDBOX, SECOND, SIDE, UID
from tests.derive.afterlife_sample import names as names_of
from tests.host.hanging import HangingWorkers
from tests.host.test_proc import capture_host, stat_text
from tests.host.test_tasks import captured, stat
from tests.ledger.endings import signal_sent
from tests.observe.test_tasks import Tree

PID = 434


class Node:
    """One pod with a sandbox and a container, and a runtime that knows both."""

    def __init__(self, top: Path) -> None:
        self.now = 1000 * SECOND
        self.tree = Tree()
        self.inventory = Inventory("v2")
        self.deaths = DeathBook()
        self.board = SourceBoard(self)
        self.listing: Listing | None = None
        self.asked = 0
        self.statuses: dict[str, CriContainerStatus] = {}
        self.inventory.appeared(place(POD), 2, self.now)
        for key, inode, kind in (
            (SANDBOX, 6, ContainerKind.SANDBOX),
            (MAIN, 7, ContainerKind.CONTAINER),
        ):
            record = self.inventory.appeared(place(f"{POD}/{key}"), inode, self.now)
            assert record is not None
            names = names_of(key)
            self.inventory.named(record.id, names, kind)
            self.populate(key, alive=True)
        self.knows(MAIN)
        self.stacks = HangingWorkers(2)
        self.watch = AfterlifeWatch(
            clock=self,
            fs=self.tree,  # type: ignore[arg-type]
            proc=ProcReader(HostRoot.at(top)),
            tasks=TaskReader(HostRoot.at(top)),
            inventory=self.inventory,
            deaths=self.deaths,
            workers=Workers(2, name="test"),
            stacks=self.stacks,
            board=self.board,
            guard=Guard(self.board),
            listing=self._list,
            status=self._status,
        )

    def boottime_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return self.now

    def suspended_ns(self) -> int:
        return 0

    def populate(self, key: str, *, alive: bool) -> None:
        self.tree.events[f"{POD}/{key}"] = b"populated %d\nfrozen 0\n" % alive

    def knows(self, *keys: str, state: str = "RUNNING") -> None:
        who: dict[str, Any] = {"namespace": "default", "pod": "api-1", "pod_uid": UID}
        self.listing = Listing(
            sandboxes={SANDBOX: CriSandbox(id=SANDBOX, ready=True, **who)},
            containers={
                key: CriContainer(id=key, sandbox_id=SANDBOX, name="main", state=state, **who)
                for key in keys
            },
        )

    async def _list(self) -> Listing | None:
        self.asked += 1
        return self.listing

    async def _status(self, key: str) -> CriContainerStatus | None:
        return self.statuses.get(key)

    async def look(self, seconds: float = 5) -> None:
        self.now += int(seconds * SECOND)
        await self.watch.look()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_the_runtime_is_asked_seldom(node: Node) -> None:
    """Every half minute while all is well, at each look while something is suspicious."""
    for _ in range(12):
        await node.look()
    assert node.asked == 2
    assert node.board.is_up(TASKS)
    node.knows()
    for _ in range(12):
        await node.look()
    assert node.asked >= 2 + 6
    report = node.watch.report
    assert report is not None
    assert [ghost.container.id for ghost in report.ghosts] == [MAIN]


async def test_a_silent_runtime(node: Node) -> None:
    """No ghost is claimed, nor any that was claimed before."""
    node.knows()
    for _ in range(4):
        await node.look()
    assert node.watch.report is not None
    assert node.watch.report.ghosts
    node.listing = None
    await node.look(40)
    assert not node.watch.report.ghosts
    assert not node.watch.report.runtime_answers


async def test_killed_and_there(node: Node, tmp_path: Path) -> None:
    """Signal, process, cgroup and tasks come together; when it dies, it is no longer told."""
    capture_host(tmp_path, PID, stat=stat_text(PID, 10, "D"), cgroup=f"0::{POD}/{MAIN}\n")
    captured(tmp_path, PID, PID, stat=stat(PID, "D", 10), wchan=b"folio_wait_bit_common")
    node.tree.pids[f"{POD}/{MAIN}"] = (PID,)
    assert ticks_to_ns(10) < node.now
    node.deaths.sent(signal_sent(PID, node.now))
    await node.look()
    assert node.watch.report is not None
    assert not node.watch.report.undying
    await node.look(6)
    [undying] = node.watch.report.undying
    assert undying.kill is not None
    assert (undying.container.id, undying.kill.sender_comm) == (MAIN, "bash")
    assert [task.wchan for task in undying.tasks.tasks] == ["folio_wait_bit_common"]
    captured(tmp_path, PID, PID, stat=stat(PID, "Z", 10))
    await node.look()
    assert not node.watch.report.undying


async def test_a_killed_process_elsewhere(node: Node, tmp_path: Path) -> None:
    """One that belongs to no container is not ours to tell, and one that is gone is forgotten."""
    capture_host(tmp_path, PID, stat=stat_text(PID, 10, "D"), cgroup="0::/system.slice\n")
    captured(tmp_path, PID, PID, stat=stat(PID, "D", 10))
    node.deaths.sent(signal_sent(PID, node.now))
    node.deaths.sent(signal_sent(PID + 1, node.now))
    await node.look(60)
    assert node.watch.report is not None
    assert not node.watch.report.undying


async def test_tasks_that_hang(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left behind, that is told, and they are not read again for a while."""
    reads = 0

    def hang(*_: object) -> TaskList:
        nonlocal reads
        reads += 1
        node.stacks.hang()
        return TaskList()

    monkeypatch.setattr(afterlife, "read_tasks", hang)
    node.knows(MAIN, state="EXITED")
    await node.look()
    await node.look()
    await node.look(10)
    await node.look()
    assert node.watch.report is not None
    [undying] = node.watch.report.undying
    assert undying.runtime_says_exited
    assert undying.tasks.absent.startswith("reading them hangs")
    assert reads == 1
    node.stacks.let_go()


async def test_tasks_that_hang_for_long(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost one thread, however long it lasts: cgroups and other containers' tasks are read all
    the while.
    """
    side = node.inventory.appeared(place(f"{POD}/{SIDE}"), 8, node.now)
    assert side is not None
    node.inventory.named(side.id, names_of(SIDE), ContainerKind.CONTAINER)
    node.populate(SIDE, alive=True)
    reads: Counter[str] = Counter()

    def hang(fs: object, tasks: object, path: str) -> TaskList:
        reads[path] += 1
        if path == f"{POD}/{MAIN}":
            node.stacks.hang()
        return TaskList(more=1)

    monkeypatch.setattr(afterlife, "read_tasks", hang)
    node.knows(MAIN, SIDE, state="EXITED")
    for _ in range(4):
        await node.look()
    for period in range(5):
        await node.look(HUNG_SECONDS + 1)
        assert node.board.is_up(TASKS)
        assert node.watch.report is not None
        found = {each.container.id: each.tasks for each in node.watch.report.undying}
        assert found[MAIN].absent.startswith("reading them hangs")
        assert found[SIDE].more == 1
        assert reads[f"{POD}/{SIDE}"] > period
    assert reads[f"{POD}/{MAIN}"] == node.stacks.abandoned == 1
    node.stacks.let_go()


async def test_exits_of_a_dead_pod(node: Node) -> None:
    """The runtime is asked once for each; a pod that ended well says so."""
    node.populate(MAIN, alive=False)
    node.knows(MAIN, state="EXITED")
    node.statuses[MAIN] = CriContainerStatus(
        state="EXITED", reason="Completed", exit_code=0, started_at_ns=1, finished_at_ns=2
    )
    await node.look()
    await node.look(40)
    assert node.watch.report is not None
    [pod] = node.watch.report.dead_pods
    assert [(each.exit_code, each.runtime_says) for each in pod.containers] == [
        (0, "Completed, exit code 0")
    ]
    assert pod.sandbox_alive


async def test_hollow(node: Node, tmp_path: Path) -> None:
    """Its init is looked for."""
    record = node.inventory.by_container_id(MAIN)
    assert record is not None
    node.inventory.init_found(record.id, PID, ticks_to_ns(10))
    capture_host(tmp_path, PID, stat=stat_text(PID, 10, "S"), cgroup="0::/lab\n")
    node.populate(MAIN, alive=False)
    for _ in range(5):
        await node.look()
    assert node.watch.report is not None
    [hollow] = node.watch.report.hollow
    assert (hollow.init_state, hollow.init_cgroup) == ("S", "/lab")


async def test_all_workers_are_stuck(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is known, and the source says so."""
    released = threading.Event()
    await node.look()
    monkeypatch.setattr(afterlife, "_look", lambda *_: released.wait())
    monkeypatch.setattr(afterlife, "READ_SECONDS", 0.05)
    await node.look()
    assert node.watch.report is None
    assert not node.board.is_up(TASKS)
    released.set()
