"""agent.engine.cni: from executions to calls, with processes that are pipes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import cni
from agent.engine.board import SourceBoard
from agent.engine.cni import YOUNG_NS, CNIWatch
from agent.engine.cni_config import AGAIN_NS, CNIConfigWatch
from agent.engine.cni_parts import CNI_WORKERS
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriNetwork
from agent.host.file_locks import FileLocks
from agent.host.plugin_process import PluginProcesses
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.ledger.cni import CNILedger
from agent.model.absence import Absence
from agent.model.cni import CallState, CNICall, PluginProcess
from agent.model.death import ProcessExit
from agent.model.evidence import Observation, PluginExecuted, SourceLost
from agent.model.oom import Container
from agent.observe.plugins import PluginWatcher
from agent.parse.proc_environ import CNIEnvironment
from tests.host.hanging import HangingWorkers
from tests.observe.fakes import FakeClock

S = 1_000_000_000
POD = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/" + "a" * 64
ADD = CNIEnvironment(
    command="ADD", container_id="4f", interface="eth0", namespace="shop", pod="web-0", pod_uid="u"
)


@dataclass
class FakeProcesses:
    """Each process is the reading end of a pipe, which becomes readable when it has ended."""

    there: dict[int, PluginProcess] = field(default_factory=dict)
    environs: dict[int, CNIEnvironment | None] = field(default_factory=dict)
    writers: dict[int, int] = field(default_factory=dict)
    open_fds: set[int] = field(default_factory=set)

    def start(
        self, pid: int, environ: CNIEnvironment | None = ADD, *, parent: int = 998, cgroup: str = ""
    ) -> None:
        self.there[pid] = PluginProcess(
            pid=pid, start_boottime_ns=S, parent_pid=parent, comm="bridge", cgroup=cgroup
        )
        self.environs[pid] = environ

    def end(self, pid: int) -> None:
        os.close(self.writers.pop(pid))
        del self.there[pid]

    def open(self, pid: int) -> tuple[int, PluginProcess]:
        if pid not in self.there:
            raise SourceAbsent(Absence.VANISHED, "gone")
        fd, self.writers[pid] = os.pipe()
        self.open_fds.add(fd)
        return fd, self.there[pid]

    def environ(self, pid: int) -> CNIEnvironment | None:
        return self.environs[pid]

    def named(self, names: frozenset[str]) -> tuple[PluginProcess, ...]:
        return tuple(who for who in self.there.values() if who.comm in names)

    def close(self, fd: int) -> None:
        os.close(fd)
        self.open_fds.discard(fd)


class Bench:
    def __init__(self, top: Path) -> None:
        self.clock = FakeClock(now_ns=10 * S)
        self.board = SourceBoard(self.clock)
        self.processes = FakeProcesses()
        self.exits: dict[int, ProcessExit] = {}
        self.followed: Set[int] = frozenset()
        self.lost: list[Observation] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.watcher: PluginWatcher | None = None
        root, self.workers = HostRoot.at(top), HangingWorkers(CNI_WORKERS)
        directory = CNIDirectory(root, Path("/etc/cni/net.d"), (Path("/bin"),))
        (top / "proc").mkdir()
        (top / "bin").mkdir()
        (top / "bin/bridge").touch()
        self.watch = CNIWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            processes=cast(PluginProcesses, self.processes),
            tasks=TaskReader(root),
            locks=FileLocks(root),
            directory=directory,
            workers=self.workers,
            ledger=CNILedger(lambda call: self.exits.get(call.pid)),
            config=CNIConfigWatch(
                directory=directory,
                clock=self.clock,
                workers=self.workers,
                board=self.board,
                network=self.network,
            ),
            names=lambda container_id: Container(pod="by-id") if container_id == "77" else None,
            plugins=lambda: self.watcher,
            follow=self.follow,
            lost=self.lost.extend,
            spawn=self.spawn,
            slow_after=10,
            stalled_after=30,
        )

    async def network(self) -> CriNetwork | None:
        return None

    def follow(self, pids: Set[int]) -> None:
        self.followed = pids

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def execute(self, pid: int, plugin: str = "/bin/bridge") -> None:
        """It is told, and its environment is read."""
        self.watch.take([PluginExecuted(pid=pid, plugin=plugin, boottime_ns=2 * S)])
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def end(self, pid: int, code: int = 0) -> None:
        self.exits[pid] = ProcessExit(
            pid=pid, parent_pid=998, boottime_ns=5 * S, exit_code=code, signal=None
        )
        self.processes.end(pid)
        while any(c.pid == pid for c in self.watch.ledger.running()):  # noqa: ASYNC110 - no time
            await asyncio.sleep(0)

    def calls(self) -> tuple[CNICall, ...]:
        return self.watch.report().calls


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def run(bench: Bench, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The story, and then nothing is left open."""

    async def all_of_it() -> None:
        await story()
        bench.watch.close()

    asyncio.run(all_of_it())
    assert not bench.processes.open_fds


def test_a_call_and_its_delegate(bench: Bench) -> None:
    """Whose it is, who executed it, whom the connector is to tell of, and how it ended."""

    async def story() -> None:
        bench.processes.start(7)
        await bench.execute(7)
        bench.processes.start(8, parent=7)
        await bench.execute(8, "/bin/host-local")
        await asyncio.sleep(0)
        assert bench.followed == {7, 8, 998}
        delegate, call = bench.calls()
        assert (delegate.delegated_by, call.delegated_by) == (7, None)
        assert call.pod is not None
        assert (call.pod.namespace, call.pod.pod, call.pod.names_from) == ("shop", "web-0", "cni")
        await bench.end(8)
        await bench.end(7, code=3)
        failed, good = bench.calls()
        assert (failed.exit_code, good.exit_code) == (3, 0)
        assert bench.watch.report().totals == {("ADD", CallState.FAILED): _any_totals(bench)}

    run(bench, story)


def _any_totals(bench: Bench) -> object:
    totals = bench.watch.ledger.totals()
    return totals["ADD", CallState.FAILED]


def test_what_is_no_call(bench: Bench) -> None:
    """Gone, in a container, of a pid that is another's by now, or without CNI_COMMAND."""

    async def story() -> None:
        await bench.execute(6)
        bench.processes.start(7, cgroup=POD)
        await bench.execute(7)
        bench.processes.start(8, CNIEnvironment())
        await bench.execute(8)
        late = PluginExecuted(pid=9, plugin="/bin/bridge", boottime_ns=-1 * S)
        bench.processes.start(9)
        bench.watch.take([late])
        assert bench.calls() == ()
        books = bench.watch.report().books
        assert (books.seen, books.missed, books.others) == (3, 2, 1)

    run(bench, story)


def test_an_environment_that_is_not_read(bench: Bench) -> None:
    """A call all the same, and it says why it has no command."""

    async def story() -> None:
        bench.processes.start(7, None)
        await bench.execute(7)
        (call,) = bench.calls()
        assert (call.command, call.unread) == ("", "it had ended before it was read")

    run(bench, story)


def test_names_by_the_container(bench: Bench) -> None:
    """Where CNI_ARGS has none."""

    async def story() -> None:
        bench.processes.start(7, CNIEnvironment(command="DEL", container_id="77"))
        await bench.execute(7)
        (call,) = bench.calls()
        assert call.pod == Container(pod="by-id")

    run(bench, story)


def test_executed_in_its_place(bench: Bench) -> None:
    """A wrapper that becomes the real plugin."""

    async def story() -> None:
        bench.processes.start(7)
        await bench.execute(7, "/bin/wrapper")
        await bench.execute(7, "/bin/bridge")
        (call,) = bench.calls()
        assert call.plugin == "/bin/bridge"

    run(bench, story)


def test_losses_are_passed_on(bench: Bench) -> None:
    lost = SourceLost(source="cni", lost=1, detail="")
    bench.watch.take([lost])
    assert bench.lost == [lost]


def test_looks(bench: Bench, tmp_path: Path) -> None:
    """Once it is a second old, where it waits is read."""
    task = tmp_path / "proc/7/task/7"
    task.mkdir(parents=True)
    (task / "stat").write_text("7 (bridge) S 1 " + " ".join(["0"] * 49))
    (task / "wchan").write_text("do_wait")

    async def story() -> None:
        bench.processes.start(7)
        await bench.execute(7)
        bench.clock.now_ns = 2 * S + YOUNG_NS - 1
        await bench.watch.look()
        assert bench.calls()[0].wait is None
        bench.clock.now_ns += 40 * S
        await bench.watch.look()
        (call,) = bench.calls()
        assert call.wait is not None
        assert call.wait.wchan == "do_wait"
        assert bench.watch.report().state(call) is CallState.STALLED

    run(bench, story)


def test_what_ran_before_we_came(bench: Bench) -> None:
    """Is found by the names of the plugins, and begins when its process began."""

    async def story() -> None:
        bench.processes.start(7)
        work = asyncio.get_running_loop().create_task(bench.watch.run())
        while not any(c.command for c in bench.calls()):  # noqa: ASYNC110 - no time
            await asyncio.sleep(0)
        (call,) = bench.calls()
        assert (call.plugin, call.started_boottime_ns) == ("/bin/bridge", S)
        work.cancel()
        await asyncio.wait([work])

    run(bench, story)


async def test_waits_that_hang_for_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks of a call that cannot be read cost one thread: the configuration is read again, and
    so are the environments of new calls.
    """
    monkeypatch.setattr(cni, "read_waits", lambda *_: bench.workers.hang())
    bench.processes.start(100)
    await bench.execute(100)
    for pid in range(101, 107):
        bench.clock.now_ns += max(AGAIN_NS, YOUNG_NS)
        await bench.watch.look()
        assert bench.watch.config.config is not None
        bench.processes.start(pid)
        await bench.execute(pid)
        call = bench.watch.ledger.get(pid)
        assert call is not None
        assert not call.unread
        assert bench.workers.abandoned == 1
    bench.workers.let_go()


class Following:
    """A watcher, as far as its filter goes."""

    def __init__(self) -> None:
        self.followed: list[Workers] = []

    async def follow(self, workers: Workers) -> None:
        self.followed.append(workers)


async def test_the_filter_is_seen_to(bench: Bench) -> None:
    """At each look, with the threads of this watch."""
    watcher = Following()
    bench.watcher = cast(PluginWatcher, watcher)
    await bench.watch.look()
    assert watcher.followed == [bench.workers]
    bench.watch.close()


async def test_a_search_that_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hides nothing else, costs one thread, and what ran before we came is found later."""
    bench.processes.start(7)
    named = bench.processes.named

    def hangs(names: frozenset[str]) -> tuple[PluginProcess, ...]:
        bench.workers.hang()
        return named(names)

    monkeypatch.setattr(bench.processes, "named", hangs)
    with pytest.raises(Abandoned):
        await bench.watch.look()
    with pytest.raises(TooManyAbandoned, match="the call before has not returned"):
        await bench.watch.look()
    assert bench.watch.config.config is not None
    assert bench.workers.abandoned == 1
    monkeypatch.setattr(bench.processes, "named", named)
    bench.workers.let_go()
    while bench.workers.abandoned:  # noqa: ASYNC110 - no time
        await asyncio.sleep(0)
    await bench.watch.look()
    assert [call.pid for call in bench.calls()] == [7]
    while bench.tasks:
        await asyncio.wait(bench.tasks)
    bench.watch.close()
