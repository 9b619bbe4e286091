"""agent.inventory.resolver: every container gets the best name that can be had."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.cri import CriContainerStatus, CriSandbox
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.inventory.resolver import AGAIN_SECONDS, INIT_SECONDS, LISTS_WITHOUT, NameResolver
from agent.model.absence import Absence, Absent
from agent.model.oom import Container
from agent.model.process import ProcessStat
from agent.parse.cgroup_path import place
from tests.inventory.fakes import FakeRuntime, Timeline, silent, turns
from tests.observe.fakes import FakeClock

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
POD_ID, MAIN_ID = "a" * 64, "b" * 64
POD = f"/kubepods/burstable/pod{UID}"
LONG = 300.0  # seconds; no test waits for it


class Processes:
    """/proc with one process."""

    def __init__(self) -> None:
        self.cgroups = {4711: f"{POD}/{MAIN_ID}"}

    def stat(self, pid: int) -> ProcessStat:
        if pid not in self.cgroups:
            raise SourceAbsent(Absence.VANISHED, f"/proc/{pid}/stat: No such file or directory")
        return ProcessStat(pid=pid, comm="work", state="S", ppid=1, start_ticks=50)

    def memory_cgroup(self, pid: int) -> str:
        return self.cgroups[pid]


class Bench:
    """An inventory and its resolver, on a pretended host."""

    def __init__(self, tmp_path: Path, *, with_runtime: bool = True) -> None:
        self.time = Timeline()
        self.runtime = FakeRuntime()
        self.processes = Processes()
        self.inventory = Inventory("v2")
        self.bundles = tmp_path / "bundles"
        self.pod_logs = tmp_path / "pods"
        self.workers = Workers(4)
        self.heard: asyncio.Queue[ContainerRecord] = asyncio.Queue()
        self.health: list[tuple[str, Absent | None]] = []
        self.board = SourceBoard(FakeClock())
        self.guard = Guard(self.board)
        self.resolver = NameResolver(
            self.inventory,
            runtime=self.runtime if with_runtime else None,
            processes=self.processes,
            workers=self.workers,
            bundles=self.bundles,
            pod_logs=self.pod_logs,
            on_names=self.heard.put_nowait,
            on_health=lambda source, absent: self.health.append((source, absent)),
            guard=self.guard,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def write_bundle(
        self, container_id: str, name: str, kind: str = "container", pid: str | None = "4711"
    ) -> None:
        annotations = {
            "io.kubernetes.cri.container-type": kind,
            "io.kubernetes.cri.container-name": name,
            "io.kubernetes.cri.sandbox-name": "api-1",
            "io.kubernetes.cri.sandbox-namespace": "production",
        }
        directory = self.bundles / container_id
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps({"annotations": annotations}))
        if pid is not None:
            (directory / "init.pid").write_text(pid)

    def appear(self, container_id: str, inode: int) -> ContainerRecord:
        record = self.inventory.appeared(place(f"{POD}/{container_id}"), inode, 0)
        assert record is not None
        return record

    async def next(self) -> ContainerRecord:
        async with asyncio.timeout(LONG):
            return await self.heard.get()

    async def idle(self) -> None:
        """Wait until every source has been asked about every container that is under way."""
        await turns()
        async with asyncio.timeout(LONG):
            while not all(evidence.asked for evidence in self.resolver._open.values()):
                await asyncio.to_thread(lambda: None)
        await turns()


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.resolver.run())
    yield bench
    assert not task.done() or task.result() is None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(Bench(tmp_path)) as bench:
        yield bench


def names(name: str, names_from: str, container_id: str = MAIN_ID) -> Container:
    return Container(
        namespace="production",
        pod="api-1",
        pod_uid=UID,
        name=name,
        id=container_id,
        names_from=names_from,
    )


async def test_runtime_names_container_and_sandbox(bench: Bench) -> None:
    """One list names both; the sandbox is called POD."""
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    for container_id, inode in ((POD_ID, 6), (MAIN_ID, 7)):
        bench.resolver.resolve(bench.appear(container_id, inode))
    first, second = await bench.next(), await bench.next()
    assert (first.names, first.kind) == (names("POD", "cri", POD_ID), ContainerKind.SANDBOX)
    assert (second.names, second.kind) == (names("gateway", "cri"), ContainerKind.CONTAINER)
    assert bench.inventory.by_container_id(MAIN_ID) == second
    assert bench.runtime.lists == 1


async def test_bundle_does_not_wait_for_the_runtime(bench: Bench) -> None:
    """Names are there while the runtime hangs; its answer overrides them when it comes."""
    bench.runtime.hold.clear()
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    bench.write_bundle(MAIN_ID, "from-bundle")
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    assert (await bench.next()).names == names("from-bundle", "bundle")
    with_init = await bench.next()
    assert (with_init.init_pid, with_init.init_start_boottime_ns) == (4711, 500_000_000)
    bench.runtime.hold.set()
    last = await bench.next()
    assert (last.names, last.init_pid) == (names("gateway", "cri"), 4711)


async def test_sandbox_by_its_bundle(bench: Bench) -> None:
    """containerd does not list a sandbox before it runs."""
    bench.write_bundle(POD_ID, "", kind="sandbox")
    bench.resolver.resolve(bench.appear(POD_ID, 6))
    named = await bench.next()
    assert (named.names, named.kind) == (names("POD", "bundle", POD_ID), ContainerKind.SANDBOX)


async def test_pod_logs_when_neither_knows(bench: Bench) -> None:
    """The container died before we looked and the runtime is down: the directory still stands."""
    bench.runtime.error = silent()
    (bench.pod_logs / f"production_api-1_{UID}" / "gateway").mkdir(parents=True)
    bench.appear(POD_ID, 6)
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    assert (await bench.next()).names == names("gateway", "pod-logs")
    assert ("cri", silent().absent) in bench.health
    assert ("pod-logs", None) in bench.health


async def test_sandbox_is_not_the_only_container(bench: Bench) -> None:
    """Of the first cgroup of a pod the directory tells no container's name."""
    bench.runtime.error = silent()
    (bench.pod_logs / f"production_api-1_{UID}" / "gateway").mkdir(parents=True)
    sandbox = bench.appear(POD_ID, 6)
    bench.appear(MAIN_ID, 7)
    bench.resolver.resolve(sandbox)
    assert (await bench.next()).names == names("", "pod-logs", POD_ID)


async def test_pod_logs_are_not_read_otherwise(bench: Bench) -> None:
    """They are on a disk."""
    bench.runtime.error = silent()
    bench.write_bundle(MAIN_ID, "from-bundle")
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    await bench.next()
    await bench.idle()
    assert "pod-logs" not in {source for source, _ in bench.health}


async def test_start_on_a_full_node(bench: Bench) -> None:
    """250 containers cost one list, and one timeout when the runtime is stalled."""
    bench.runtime.error = silent()
    for inode in range(250):
        container_id = f"{inode:064x}"
        bench.write_bundle(container_id, f"c{inode}")
        bench.resolver.resolve(bench.appear(container_id, inode))
    heard = {(await bench.next()).names.name for _ in range(250)}
    assert heard == {f"c{inode}" for inode in range(250)}
    await bench.idle()
    assert bench.runtime.lists == 1


async def test_owed_names_come_when_the_runtime_is_back(bench: Bench) -> None:
    """Nothing knew the container; the runtime is asked again until it answers."""
    bench.runtime.error = silent()
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    await bench.idle()
    for _ in range(3):
        await bench.time.advance(AGAIN_SECONDS)
    assert bench.heard.empty()
    bench.runtime.error = None
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    await bench.time.advance(2 * AGAIN_SECONDS)
    assert (await bench.next()).names == names("gateway", "cri")
    lists = bench.runtime.lists
    await bench.time.advance(10 * AGAIN_SECONDS)
    assert bench.runtime.lists == lists


async def test_owed_names_that_nobody_knows(bench: Bench) -> None:
    """A runtime that answers and does not know the id is not asked for ever."""
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    await bench.idle()
    await bench.time.advance(10 * AGAIN_SECONDS)
    assert bench.runtime.lists == LISTS_WITHOUT
    assert bench.heard.empty()


async def test_owed_names_of_the_forgotten(tmp_path: Path) -> None:
    """Who has left the inventory is owed nothing."""
    bench = Bench(tmp_path)
    bench.inventory = Inventory("v2", max_dead=0)
    bench.resolver._inventory = bench.inventory
    async with running(bench):
        bench.runtime.error = silent()
        bench.resolver.resolve(bench.appear(MAIN_ID, 7))
        await bench.idle()
        bench.inventory.vanished(f"{POD}/{MAIN_ID}", 7, 1)
        bench.inventory.forget(1)
        await bench.time.advance(2 * AGAIN_SECONDS)
        lists = bench.runtime.lists
        await bench.time.advance(10 * AGAIN_SECONDS)
        assert bench.runtime.lists == lists


async def test_the_dead_are_named_too(bench: Bench) -> None:
    """The runtime knows exited containers until the kubelet removes them."""
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    bench.appear(MAIN_ID, 7)
    died = bench.inventory.vanished(f"{POD}/{MAIN_ID}", 7, 1)
    assert died is not None
    bench.resolver.resolve(died)
    named = await bench.next()
    assert (named.names, named.alive) == (names("gateway", "cri"), False)


async def test_pods_without_containers_are_named_by_any_list(bench: Bench) -> None:
    """For a kill that is booked on the pod's own cgroup."""
    other = "1e6c3ddd-935d-44be-ac0b-1df537489e4e"
    bench.inventory.appeared(place(f"/kubepods/pod{other}"), 3, 0)
    bench.runtime.sandboxes.append(
        CriSandbox(id="c" * 64, namespace="ns", pod="lonely", pod_uid=other, ready=False)
    )
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    await bench.next()
    pod = bench.inventory.pod(other)
    assert pod is not None
    assert (pod.names.namespace, pod.names.pod, pod.names.names_from) == ("ns", "lonely", "cri")


@pytest.mark.parametrize(
    ("cgroup", "believed"),
    [
        (f"{POD}/{MAIN_ID}", True),
        (f"{POD}/{MAIN_ID}/init.scope", True),
        ("", True),  # cannot be known, as in a dying process on v1
        (f"{POD}/{POD_ID}", False),
        (f"{POD}/{MAIN_ID}x", False),
        (None, False),
    ],
    ids=["its-own", "nested", "unknown", "of-another", "prefix-only", "gone"],
)
async def test_init_must_be_in_the_cgroup(bench: Bench, cgroup: str | None, believed: bool) -> None:
    """A pid in a file may be stale."""
    bench.processes.cgroups = {} if cgroup is None else {4711: cgroup}
    bench.write_bundle(MAIN_ID, "gateway")
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    await bench.next()
    await bench.idle()
    record = bench.inventory.by_container_id(MAIN_ID)
    assert record is not None
    assert record.init_pid == (4711 if believed else None)


async def test_init_pid_comes_late(bench: Bench) -> None:
    """runc writes it a moment after the cgroup appears: it is looked for once more."""
    bench.runtime.error = silent()
    bench.write_bundle(MAIN_ID, "gateway", pid=None)
    bench.resolver.resolve(bench.appear(MAIN_ID, 7))
    assert (await bench.next()).init_pid is None
    await bench.idle()
    (bench.bundles / MAIN_ID / "init.pid").write_text("4711")
    await bench.time.advance(INIT_SECONDS)
    assert (await bench.next()).init_pid == 4711


async def test_resolving_twice_at_once(bench: Bench) -> None:
    """The second request joins the first."""
    bench.runtime.hold.clear()
    bench.runtime.add(POD_ID, MAIN_ID, pod_uid=UID)
    record = bench.appear(MAIN_ID, 7)
    bench.resolver.resolve(record)
    bench.resolver.resolve(record)
    await turns()
    bench.runtime.hold.set()
    await bench.next()
    await bench.time.advance(10 * AGAIN_SECONDS)
    assert bench.heard.empty()
    assert bench.runtime.lists == 1


async def test_without_a_runtime(tmp_path: Path) -> None:
    """Switched off: the bundle names, and nobody is owed anything."""
    async with running(Bench(tmp_path, with_runtime=False)) as bench:
        bench.write_bundle(MAIN_ID, "gateway")
        bench.resolver.resolve(bench.appear(MAIN_ID, 7))
        assert (await bench.next()).names == names("gateway", "bundle")
        bench.resolver.resolve(bench.appear("d" * 64, 8))
        await bench.idle()
        assert await bench.resolver.runtime_status(MAIN_ID) is None
        assert bench.resolver._open == {}


async def test_runtime_status(bench: Bench) -> None:
    """Passed on from the runtime."""
    status = CriContainerStatus(
        state="RUNNING", reason="", exit_code=None, started_at_ns=1, finished_at_ns=None
    )
    bench.runtime.statuses[MAIN_ID] = status
    assert await bench.resolver.runtime_status(MAIN_ID) == status
    assert bench.health == [("cri", None)]
