"""agent.engine.network: what is asked for in a look, and what is told when it cannot be read."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from agent.derive.leftovers import LeftoverFold
from agent.engine import network as engine
from agent.engine import network_plans
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.nat import NatWatch
from agent.engine.network import NAMESPACES, NETLINK, NetworkWatch
from agent.engine.network_leftovers import ASK_NS, LeftoverWatch
from agent.engine.network_pace import NetworkPace
from agent.engine.network_plans import LARGE_LOOKS, NetworkPlans
from agent.host.absence import SourceAbsent
from agent.host.cni_state import RESULTS, Allocation, CNIState
from agent.host.cri import CriSandbox
from agent.host.namespaces import Namespaces
from agent.host.nftables import NatReader
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.worker import Abandoned, Workers
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import ContainerKind
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupMode
from agent.model.evidence import LinksChanged, Observation, SourceLost
from agent.model.namespaces import (
    ContainerNamespaces,
    NamedNamespace,
    NamespaceKind,
    NamespaceReport,
)
from agent.model.netlink import NatTable
from agent.model.network import Datapath, LeftoverKind, NetworkReport, PathStep, StepState
from agent.model.oom import Container
from agent.model.source import SourceHealth
from agent.observe.namespaces import Wanted
from agent.parse.cgroup_path import place
from agent.parse.cni_plan import DATA_DIRECTORY, FLANNEL_DIRECTORY
from tests.derive.network_making import HOST, NAT, NETWORK, POD
from tests.host.hanging import HangingWorkers

S = 1_000_000_000
UID = "1e6c3ddd-935d-44be-ac0b-1df537489e4e"
GROUP = f"/kubepods/pod{UID}"
SANDBOX, MAIN, DEAD = "a" * 64, "b" * 64, "d" * 64
NET = NamespaceKind.NET
CONFIG = {
    "name": "k8s",
    "type": "bridge",
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.88.0.0/29", "dataDir": "/ipam"},
}
LEFT = "cni-dead"


class Groups:
    """The pod's cgroup, which was used."""

    mode = CgroupMode.V2

    def __init__(self) -> None:
        self.populations = {GROUP: True}

    def inode(self, path: str) -> int:
        assert path == GROUP
        return 2

    def read(self, path: str, name: str) -> bytes:
        assert name == "cpu.stat"
        return b"usage_usec 5\nuser_usec 5\nsystem_usec 0\n"

    def populated(self, path: str) -> bool:
        return self.populations[path]


class Node:
    """One pod on a bridge; the kernel is a few values."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top = top
        self.now = 1000 * S
        self.board = SourceBoard(self)
        self.guard = Guard(self.board)
        self.inventory = Inventory("v2")
        self.inventory.appeared(place(GROUP), 2, self.now)
        for key, inode, kind in (
            (SANDBOX, 6, ContainerKind.SANDBOX),
            (MAIN, 7, ContainerKind.CONTAINER),
        ):
            record = self.inventory.appeared(place(f"{GROUP}/{key}"), inode, self.now)
            assert record is not None
            names = Container(
                namespace="shop", pod="web-0", pod_uid=UID, name="x", id=key, names_from="cri"
            )
            self.inventory.named(record.id, names, kind)
        (top / "cni.conf").write_text(json.dumps(CONFIG))
        self.groups = Groups()
        self.inode = NETWORK.inode
        self.networks = {NETWORK.inode: NETWORK}
        self.pid = 700
        self.named: tuple[NamedNamespace, ...] = (
            NamedNamespace(name=POD.name, inode=NETWORK.inode),
        )
        self.fails: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.lost: list[Observation] = []
        self.busy: frozenset[str] = frozenset()
        self.listings = self.thorough = 0
        self.listing: Listing | None = Listing(sandboxes={}, containers={})
        workers = Workers(2, name="test")
        plans = NetworkPlans(
            state=CNIState(HostRoot.at(top)), workers=workers, loaded=lambda: ("/cni.conf", "")
        )
        self.watch = NetworkWatch(
            clock=self,
            root=HostRoot.at(top),
            fs=self.groups,  # type: ignore[arg-type]
            proc=ProcReader(HostRoot.at(top)),
            namespaces=self,  # type: ignore[arg-type]
            inventory=self.inventory,
            workers=workers,
            netlink=Workers(2, name="netlink"),
            nat=NatWatch(
                clock=self,
                root=HostRoot.at(top),
                namespaces=cast(Namespaces, self),
                reader=cast(NatReader, self),
                workers=Workers(1, name="nat"),
            ),
            board=self.board,
            guard=self.guard,
            plans=plans,
            leftovers=LeftoverWatch(
                fold=LeftoverFold(60 * S),
                plans=plans,
                listing=self._list,
                busy=lambda: self.busy,
            ),
            pace=NetworkPace(interval=10),
            lost=self.lost.extend,
        )
        monkeypatch.setattr(engine, "survey", self._survey)
        monkeypatch.setattr(engine, "read_host", lambda *_: self._told("host", HOST))
        monkeypatch.setattr(engine, "read_namespaces", self._networks)

    def boottime_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return self.now

    def suspended_ns(self) -> int:
        return 0

    def read(self) -> NatTable:
        """As a NatReader, that costs nothing."""
        table: NatTable = self._told("nat", NAT)
        return table

    seconds = 0.0
    opened = Namespaces.opened

    def of_process(self, pid: int) -> Path:
        return self.top / "cni.conf"

    def of_name(self, name: str) -> Path:
        return self.top / "cni.conf"

    def _told(self, what: str, value: Any) -> Any:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]
        return value

    def _survey(
        self, *args: Any, boottime_ns: int, wall_ns: int, before: NamespaceReport | None
    ) -> NamespaceReport:
        self.thorough += before is None
        wanted: tuple[Wanted, ...] = args[3]
        containers = tuple(
            ContainerNamespaces(
                container=each.container,
                sandbox=each.sandbox,
                pid=self.pid,
                inodes={NET: self.inode},
            )
            for each in wanted
        )
        report = NamespaceReport(
            boottime_ns=boottime_ns,
            wall_ns=wall_ns,
            host={NET: HOST.inode},
            containers=containers,
            named=self.named,
            populations={HOST.inode: 90, self.inode: 2},
            members={HOST.inode: 1, self.inode: 700},
        )
        found: NamespaceReport = self._told("survey", report)
        return found

    def _networks(self, *args: Any) -> Any:
        targets = args[4]
        found = [self.networks[t.inode] for t in targets if t.inode in self.networks]
        return self._told("networks", found)

    async def _list(self) -> Listing | None:
        self.listings += 1
        return self.listing

    async def look(self, seconds: float = 10) -> None:
        self.now += int(seconds * S)
        await self.guard.run(NETLINK, self.watch.look())

    def health(self, name: str) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == name)

    def knows(self, *ids: str, ready: bool = False, uid: str = "u") -> None:
        who: dict[str, Any] = {"namespace": "shop", "pod": "x", "pod_uid": uid}
        self.listing = Listing(
            sandboxes={key: CriSandbox(id=key, ready=ready, **who) for key in ids}, containers={}
        )

    def leave(self) -> None:
        """An empty namespace, with an address and libcni's record."""
        self.named = (*self.named, NamedNamespace(name=LEFT, inode=9, created_wall_ns=5))
        self.networks = {**self.networks, 9: replace(NETWORK, inode=9, nsid=8, cookie=77)}
        results, ipam = self.top / RESULTS.lstrip("/"), self.top / "ipam/k8s"
        results.mkdir(parents=True)
        ipam.mkdir(parents=True)
        record = {
            "containerId": DEAD,
            "ifName": "eth0",
            "result": {"interfaces": [{"sandbox": f"/var/run/netns/{LEFT}"}]},
        }
        (results / f"k8s-{DEAD}-eth0").write_text(json.dumps(record))
        (ipam / "10.88.0.3").write_text(f"{DEAD}\neth0")
        (ipam / "10.88.0.2").write_text(f"{SANDBOX}\neth0")

    def report(self) -> NetworkReport:
        """The last one."""
        assert self.watch.report is not None
        return self.watch.report


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tmp_path, monkeypatch)


async def test_a_pod(node: Node) -> None:
    """One pod of two containers, judged with what its configuration asks for."""
    await node.look()
    report = node.report()
    (pod,) = report.pods
    assert (pod.pod.pod, pod.name, pod.pid) == ("web-0", "cni-20a2", 700)
    assert pod.broken is None
    assert pod.steps[-1].step is PathStep.NAT
    assert "masquerades" in pod.steps[-1].detail
    assert report.judged_leftovers
    (pool,) = report.pools
    assert (pool.total, pool.used) == (5, 0)
    assert node.listings == 0
    for name in (NAMESPACES, NETLINK):
        assert node.health(name).state.value == "up"
        assert node.health(name).records == 1


async def test_no_masquerading(node: Node) -> None:
    """nftables is not asked for what nobody wants; without a configuration it is unknown."""
    (node.top / "cni.conf").write_text(json.dumps({**CONFIG, "ipMasq": False}))
    await node.look()
    assert "nat" not in node.asked
    node.watch.plans.loaded = lambda: ("", "")
    await node.look()
    assert node.report().pods[0].unknown is not None
    assert node.report().pools == ()


async def test_host_network(node: Node) -> None:
    node.inode = HOST.inode
    await node.look()
    (pod,) = node.report().pods
    assert (pod.datapath, pod.steps) == (Datapath.HOST, ())


async def test_strangers_are_looked_for_now_and_then(node: Node) -> None:
    for _ in range(13):
        await node.look()
    assert node.thorough == 3


async def test_looks_are_counted(node: Node) -> None:
    """While the same step is the first broken one, of the same namespace."""
    counts = []
    lost = replace(NETWORK, addresses=())
    for network in (lost, lost, replace(NETWORK, routes=()), NETWORK, lost, lost):
        node.networks = {NETWORK.inode: network}
        await node.look()
        counts.append(node.report().pods[0].broken_looks)
    assert counts == [1, 2, 1, 0, 1, 2]


async def test_looks_in_quick_succession_count_once(node: Node) -> None:
    """What a CNI does just then is seen half done in several of them; another namespace is
    another matter, although it has the same inode.
    """
    counts = []
    node.networks = {NETWORK.inode: replace(NETWORK, addresses=())}
    for seconds in (10, 1, 8, 1, 2):
        await node.look(seconds)
        counts.append(node.report().pods[0].broken_looks)
    node.networks = {NETWORK.inode: replace(NETWORK, addresses=(), cookie=1234)}
    await node.look()
    counts.append(node.report().pods[0].broken_looks)
    assert counts == [1, 1, 1, 2, 2, 1]


async def test_a_change_is_looked_at_soon(node: Node) -> None:
    """And what was lost of the changes goes to whom it concerns: the look sees all."""
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 1:
            node.watch.take([LinksChanged(changes=3)])
        else:
            node.watch.take([SourceLost(source="links", lost=7, detail="")])
        if len(rests) == 3:
            raise asyncio.CancelledError

    node.watch.pace = NetworkPace(interval=3600, rest_for=rest)
    with pytest.raises(asyncio.CancelledError):
        await node.watch.run()
    assert rests == [1, 1, 1]
    assert node.asked.count("survey") == 3
    assert [each.lost for each in node.lost if isinstance(each, SourceLost)] == [7, 7]


async def test_a_change_during_a_look_is_looked_at_again() -> None:
    """One from before is seen in it; without any there is the interval."""
    pace = NetworkPace(interval=3600, rest_for=_at_once)
    pace.begun()
    pace.changed()
    await pace.rest(0)
    pace.begun()
    waiting = asyncio.create_task(pace.rest(0))
    for _ in range(5):
        await _at_once(0)
    assert not waiting.done()
    pace.changed()
    await waiting
    pace.begun()
    pace.interval = 0
    await pace.rest(0)


@pytest.mark.parametrize(("took", "rest"), [(0.001, 1), (0.1, 5), (3, 10)])
async def test_a_look_is_followed_by_a_rest(took: float, rest: float) -> None:
    """Of fifty times as long, and never longer than the interval."""
    rests: list[float] = []

    async def rest_for(seconds: float) -> None:
        rests.append(seconds)

    pace = NetworkPace(interval=10, rest_for=rest_for)
    pace.changed()
    await pace.rest(took)
    assert rests == [pytest.approx(rest)]


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


async def test_a_pod_whose_network_is_in_work(node: Node) -> None:
    """Nothing is claimed of it while a call of the CNI goes on."""
    node.busy = frozenset({POD.name})
    await node.look()
    (pod,) = node.report().pods
    assert {step.state for step in pod.steps} == {StepState.UNKNOWN}


async def test_a_pod_that_has_ended_meanwhile(node: Node) -> None:
    node.networks = {}
    await node.look()
    assert node.report().pods == ()


@pytest.mark.parametrize(
    "error", [SourceAbsent(Absence.DENIED, "setns: no"), ParseError("a link", b"x")]
)
async def test_netlink_that_fails(node: Node, error: Exception) -> None:
    """The namespaces are told all the same, and of pods no step."""
    node.fails = {"networks": error}
    await node.look()
    assert [pod.steps for pod in node.report().pods] == [()]
    assert not node.report().judged_leftovers
    assert node.health(NETLINK).state.value == "down"
    assert node.health(NAMESPACES).state.value == "up"
    node.fails = {}
    await node.look()
    assert node.health(NETLINK).state.value == "up"


@pytest.mark.parametrize("error", [SourceAbsent(Absence.FAILED, "no"), Abandoned("hangs")])
async def test_nftables_that_fails(node: Node, error: Exception) -> None:
    """It costs the last step alone."""
    node.fails = {"nat": error}
    await node.look()
    assert node.report().pods[0].unknown is not None
    assert node.health(NETLINK).state.value == "up"


async def test_namespaces_that_cannot_be_read(node: Node) -> None:
    node.fails = {"survey": SourceAbsent(Absence.DENIED, "CAP_SYS_PTRACE")}
    await node.look()
    assert node.watch.report is None
    assert node.health(NAMESPACES).state.value == "down"
    assert node.health(NETLINK).state.value == "down"


async def test_a_kernel_that_hangs(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is left behind, and that is said."""
    hangs = threading.Event()
    monkeypatch.setattr(engine, "READ_SECONDS", 0.01)
    monkeypatch.setattr(engine, "read_host", lambda *_: hangs.wait(20))
    try:
        await node.look()
        assert "its thread is left behind" in node.health(NETLINK).detail
        for _ in range(3):  # more often than there are threads
            await node.look()
        assert "refused" in node.health(NETLINK).detail
        assert node.health(NAMESPACES).state.value == "up"
        monkeypatch.setattr(engine, "survey", lambda *_, **__: hangs.wait(20))
        await node.look()
        assert node.watch.report is None
    finally:
        hangs.set()


async def test_leftovers(node: Node) -> None:
    """After the grace, if the runtime does not know whose they are; it is asked now and then."""
    node.leave()
    await node.look()
    await node.look(59)
    assert node.report().leftovers == ()
    assert node.listings == 0
    await node.look(2)
    kinds = [each.kind for each in node.report().leftovers]
    assert kinds == [LeftoverKind.NAMESPACE, LeftoverKind.ADDRESS]
    assert {each.owner for each in node.report().leftovers} == {DEAD}
    (pool,) = node.report().pools
    assert (pool.used, pool.leaked) == (2, 1)
    await node.look(1)
    assert node.listings == 1
    await node.look(ASK_NS / S)
    assert node.listings == 2


async def test_what_the_runtime_knows(node: Node) -> None:
    """It is no leftover; nor is anything while a call works on it, or while nobody answers."""
    node.leave()
    node.knows(DEAD)
    await node.look()
    await node.look(61)
    assert node.report().leftovers == ()
    assert node.report().judged_leftovers
    node.listing = None
    await node.look(60)
    assert node.report().leftovers == ()
    assert not node.report().judged_leftovers
    node.knows()
    node.busy = frozenset({DEAD})
    await node.look(60)
    assert node.report().leftovers == ()


async def test_a_pod_s_cgroup(node: Node) -> None:
    """Nothing lives in it, and the runtime has forgotten the pod: it has it, or a call does."""
    node.pid = 0
    await node.look()
    await node.look(61)
    assert node.report().leftovers == ()
    node.groups.populations[GROUP] = False
    await node.look()
    await node.look(61)
    (left,) = node.report().leftovers
    assert (left.kind, left.name, left.inode) == (LeftoverKind.CGROUP, GROUP, 2)
    assert left.owner == UID
    node.busy = frozenset({UID})
    await node.look()
    assert node.report().leftovers == ()
    node.busy = frozenset()
    node.knows(SANDBOX, uid=UID)
    await node.look()
    await node.look(61)
    assert node.report().leftovers == ()


async def test_cgroups_that_hang(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is left then, and that is said."""

    def hang(*_: object) -> None:
        raise Abandoned("reading cgroup.events took too long")

    node.pid = 0
    monkeypatch.setattr(engine, "empty_pods", hang)
    for _ in range(2):
        await node.look(61)
        assert node.report().leftovers == ()
    assert "took too long" in node.health(NAMESPACES).detail


async def test_a_sandbox_that_nobody_can_place(node: Node) -> None:
    """A stopped one without a record may own what has no owner."""
    node.leave()
    (node.top / RESULTS.lstrip("/") / f"k8s-{DEAD}-eth0").unlink()
    node.knows("e" * 64)
    await node.look()
    await node.look(61)
    assert [each.kind for each in node.report().leftovers] == [LeftoverKind.ADDRESS]
    node.knows("e" * 64, ready=True)
    await node.look(60)
    assert len(node.report().leftovers) == 2


async def test_a_plugin_behind_another(node: Node) -> None:
    """flannel has host-local give the addresses: of which range, it keeps for each container."""
    flannel = {"name": "cbr0", "type": "flannel", "delegate": {}}
    (node.top / "cni.conf").write_text(json.dumps(flannel))
    await node.look()
    assert node.report().pools == ()
    assert "flannel gives the addresses of network cbr0" in node.report().addresses_unknown
    networks = node.top / DATA_DIRECTORY.lstrip("/") / "cbr0"
    networks.mkdir(parents=True)
    (networks / "10.244.1.2").write_text(f"{SANDBOX}\neth0")
    (networks / "10.244.1.3").write_text(f"{DEAD}\neth0")
    await node.look()
    (pool,) = node.report().pools
    assert (pool.used, pool.ranges) == (2, ())
    assert "of whatever flannel calls" in node.report().addresses_unknown
    kept = node.top / FLANNEL_DIRECTORY.lstrip("/")
    kept.mkdir()
    ipam = {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/29"}]]}
    bridge = {"name": "cbr0", "type": "bridge", "ipMasq": True, "ipam": ipam}
    (kept / SANDBOX).write_text(json.dumps(bridge))
    await node.look(61)
    (pool,) = node.report().pools
    assert (pool.total, pool.used, pool.leaked, pool.unread) == (5, 2, 1, "")
    assert node.report().addresses_unknown == ""


async def test_a_configuration_that_cannot_be_read(node: Node) -> None:
    """Nothing is said of addresses then."""
    (node.top / "cni.conf").write_text("{")
    await node.look()
    assert node.report().pools == ()
    assert "/cni.conf: expected JSON" in node.report().addresses_unknown


async def test_a_configuration_that_is_not_known(node: Node) -> None:
    """Because it was not read, or lies elsewhere: of addresses nobody can tell then either."""
    node.watch.plans.loaded = lambda: ("", "elsewhere")
    await node.look()
    assert node.report().addresses_unknown == "elsewhere"
    node.watch.plans.loaded = lambda: ("", "")
    await node.look()
    assert node.report().addresses_unknown == ""


async def test_what_others_have_left_in_masses(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is read seldom, one directory at a time; one that cannot be read in time hides nothing."""
    monkeypatch.setattr(network_plans, "FEW_FILES", 1)
    networks = node.top / DATA_DIRECTORY.lstrip("/")
    for name, count in (("few", 1), ("a", 2), ("b", 3)):
        (networks / name).mkdir(parents=True)
        for each in range(count):
            (networks / name / f"10.7.0.{each}").write_text("dead")

    def used() -> dict[str, int]:
        return {pool.network: pool.used for pool in node.report().pools if pool.network != "k8s"}

    await node.look()
    assert used() in ({"few": 1, "a": 2}, {"few": 1, "b": 3})
    await node.look()
    assert used() == {"few": 1, "a": 2, "b": 3}
    for name in ("few", "a", "b"):
        (networks / name / "10.7.0.9").write_text("dead")
    (networks / "few/10.7.0.0").unlink()
    seen = []
    for _ in range(2 * LARGE_LOOKS):
        await node.look()
        seen.append(tuple(used().values()))
    assert sorted(set(seen)) in (
        [(1, 2, 3), (1, 2, 4), (1, 3, 4)],
        [(1, 2, 3), (1, 3, 3), (1, 3, 4)],
    )
    assert node.report().pools[0].unread == ""


async def test_masses_that_hang(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration, its own addresses and small directories are read all the same."""
    monkeypatch.setattr(network_plans, "FEW_FILES", 0)
    directory = node.top / DATA_DIRECTORY.lstrip("/") / "a"
    directory.mkdir(parents=True)
    (directory / "10.7.0.1").write_text("dead")
    plans, workers = node.watch.plans, HangingWorkers(2)
    plans.workers = workers
    read = plans.state.allocations

    def allocations(path: str) -> tuple[Allocation, ...]:
        if path.endswith("/a"):
            workers.hang()
        return read(path)

    monkeypatch.setattr(plans.state, "allocations", allocations)
    for _ in range(3):
        await node.look()
    (pool,) = node.report().pools
    assert (pool.total, pool.unread) == (5, "")
    assert workers.abandoned == 1
    workers.let_go()


async def test_a_disk_that_fails(node: Node) -> None:
    """What was read before stays; the pool says that it is not known."""
    await node.look()
    (node.top / "ipam").mkdir()
    (node.top / "ipam/k8s").write_text("")
    await node.look()
    (pool,) = node.report().pools
    assert "Not a directory" in pool.unread
    assert node.report().pods[0].broken is None
