"""In the guest: a whole look at the networks of pods, as the agent takes it.

Nothing of the host is made up: the pods have cgroups, processes, results of libcni and addresses of
host-local on the disk. Only the names, which the runtime would give, are told.
"""

import asyncio
import hashlib
import json
import subprocess
import uuid
from pathlib import Path

from agent.derive.leftovers import LeftoverFold
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.nat import NatWatch
from agent.engine.network import NetworkWatch
from agent.engine.network_leftovers import LeftoverWatch
from agent.engine.network_pace import NetworkPace
from agent.engine.network_parts import NETWORK_WORKERS
from agent.engine.network_plans import NetworkPlans
from agent.host.cgroup_fs import open_cgroup_fs
from agent.host.clock import HostClock
from agent.host.cni_state import RESULTS, CNIState
from agent.host.cri import CriSandbox
from agent.host.namespaces import Namespaces
from agent.host.nftables import NatReader
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import ContainerKind
from agent.model.network import NetworkReport, StepState
from agent.model.oom import Container
from agent.parse.cgroup_path import place

CGROUPS = Path("/sys/fs/cgroup")
CONFIG = Path("/run/lab/bench.conf")
NETWORK = "nwbench"
ADDRESSES = Path("/run/lab/ipam")
GRACE_NS = 300 * 10**9


class Pod:
    """One of them: what it is called, and where it lives."""

    def __init__(self, number: int) -> None:
        self.name = f"{NETWORK}{number}"  # of its namespace too
        self.host_end = f"{NETWORK}v{number}"
        self.address = f"10.77.{number // 250}.{number % 250 + 2}"
        self.uid = str(uuid.UUID(int=0x7C2F_0C7E_1111_4222_8333_0000_0000_0000 + number))
        self.sandbox = hashlib.sha256(self.name.encode()).hexdigest()
        self.cgroup = f"/kubepods/besteffort/pod{self.uid}/{self.sandbox}"
        self._result = Path(RESULTS) / f"{NETWORK}-{self.sandbox}-eth0"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def begin(self, namespaces: Namespaces) -> None:
        """Once its own is there."""
        cgroup = CGROUPS / self.cgroup.lstrip("/")
        cgroup.mkdir(parents=True, exist_ok=True)
        with namespaces.opened(namespaces.of_name(self.name)) as fd, namespaces.inside(fd):
            self._process = subprocess.Popen(["sleep", "1000000"])
        (cgroup / "cgroup.procs").write_text(str(self.pid))
        result = {
            "containerId": self.sandbox,
            "ifName": "eth0",
            "result": {
                "ips": [{"address": f"{self.address}/16"}],
                "interfaces": [{"sandbox": f"/var/run/netns/{self.name}"}],
            },
        }
        self._result.parent.mkdir(parents=True, exist_ok=True)
        self._result.write_text(json.dumps(result))
        allocation = ADDRESSES / NETWORK / self.address
        allocation.parent.mkdir(parents=True, exist_ok=True)
        allocation.write_text(f"{self.sandbox}\r\neth0")

    def end(self) -> None:
        """As far as it was begun."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._result.unlink(missing_ok=True)
        (ADDRESSES / NETWORK / self.address).unlink(missing_ok=True)
        cgroup = CGROUPS / self.cgroup.lstrip("/")
        for each in (cgroup, cgroup.parent):
            if each.exists():
                each.rmdir()


class Look:
    """The agent's watch over networks, with nothing of the agent around it."""

    def __init__(self, root: HostRoot, pods: list[Pod]) -> None:
        config = {
            "name": NETWORK,
            "type": "bridge",
            "bridge": NETWORK,
            "isGateway": True,
            "ipMasq": True,
            "ipam": {"type": "host-local", "subnet": "10.77.0.0/16", "dataDir": str(ADDRESSES)},
        }
        CONFIG.parent.mkdir(parents=True, exist_ok=True)
        CONFIG.write_text(json.dumps(config))
        clock = HostClock()
        board = SourceBoard(clock)
        fs = open_cgroup_fs(root)
        inventory = Inventory(fs.hierarchy)
        for pod in pods:
            where = place(pod.cgroup)
            record = inventory.appeared(where, fs.inode(pod.cgroup), clock.boottime_ns())
            assert record is not None
            names = Container(
                namespace="bench", pod=pod.name, pod_uid=pod.uid, id=pod.sandbox, names_from="cri"
            )
            inventory.named(record.id, names, ContainerKind.SANDBOX)
        known = {
            pod.sandbox: CriSandbox(
                id=pod.sandbox, namespace="bench", pod=pod.name, pod_uid=pod.uid, ready=True
            )
            for pod in pods
        }

        async def listing() -> Listing:
            return Listing(sandboxes=known, containers={})

        plans = NetworkPlans(
            state=CNIState(root),
            workers=Workers(NETWORK_WORKERS, name="cni-state"),
            loaded=lambda: (str(CONFIG), ""),
        )
        namespaces, netlink = Namespaces(root), Workers(NETWORK_WORKERS, name="netlink")
        self._watch = NetworkWatch(
            clock=clock,
            root=root,
            fs=fs,
            proc=ProcReader(root),
            namespaces=namespaces,
            inventory=inventory,
            workers=Workers(NETWORK_WORKERS, name="namespaces"),
            netlink=netlink,
            nat=NatWatch(
                clock=clock,
                root=root,
                namespaces=namespaces,
                reader=NatReader(root, namespaces),
                workers=netlink,
            ),
            board=board,
            guard=Guard(board),
            plans=plans,
            leftovers=LeftoverWatch(
                fold=LeftoverFold(GRACE_NS), plans=plans, listing=listing, busy=frozenset
            ),
            pace=NetworkPace(interval=10),
            lost=lambda seen: None,
        )
        self._loop = asyncio.Runner()

    def __call__(self) -> None:
        """One look."""
        self._loop.run(self._watch.look())

    @property
    def report(self) -> NetworkReport:
        """Of the last look."""
        assert self._watch.report is not None
        return self._watch.report

    def check(self, pods: list[Pod]) -> None:
        """What is measured is what was made: each step of each pod was judged, and holds."""
        found = {pod.pod.pod: pod for pod in self.report.pods}
        assert found.keys() == {pod.name for pod in pods}
        for pod in found.values():
            assert [step.state for step in pod.steps] == [StepState.OK] * 6, pod.steps
            assert pod.retransmits is not None
        (pool,) = self.report.pools
        assert pool.used == len(pods)
        assert self.report.judged_leftovers

    def close(self) -> None:
        """No more looks."""
        self._loop.close()
        CONFIG.unlink()
