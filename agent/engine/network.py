"""Namespaces of everything that runs, and the network path of each pod, every few seconds, and soon
after an interface of the host has changed.

All reading is done in workers that can be left behind, a few namespaces at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from agent.derive.broken_looks import counted
from agent.derive.pod_namespaces import pod_networks
from agent.derive.pod_network import judge_pod, unjudged
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.nat import NatWatch
from agent.engine.network_leftovers import LeftoverWatch
from agent.engine.network_pace import NetworkPace
from agent.engine.network_plans import NetworkPlans
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import Clock
from agent.host.namespaces import Namespaces
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.model.absence import Absence, Absent, ParseError
from agent.model.evidence import LinksChanged, Observation
from agent.model.namespaces import NamespaceKind, NamespaceReport
from agent.model.netlink import HostNetwork, NamespaceNetwork, NatTable
from agent.model.network import Datapath, EmptyPod, NetworkReport, PodNetwork
from agent.model.oom import Container
from agent.observe.namespaces import Wanted, survey
from agent.observe.network import Target, read_host, read_namespaces
from agent.observe.pod_cgroups import empty_pods

NAMESPACES = "namespaces"
NETLINK = "netlink"
READ_SECONDS = 10.0
THOROUGH = 6
"""Strangers are looked for in one of so many looks: eight links of each process."""
BATCH = 16
"""Namespaces that are read in one call of a worker."""
MAX_NAMESPACES = 4096


class Sample(Struct, frozen=True, kw_only=True):
    """What one look has read."""

    namespaces: NamespaceReport
    host: HostNetwork
    networks: dict[int, NamespaceNetwork]  # by inode
    nat: NatTable | None


class NetworkWatch(Struct, kw_only=True):
    """Owns the last report; None while nothing can be read."""

    clock: Clock
    root: HostRoot
    fs: CgroupFs
    proc: ProcReader
    namespaces: Namespaces
    inventory: Inventory
    workers: Workers  # for what stands in /proc
    netlink: Workers  # for what waits for the kernel's rtnl_mutex
    nat: NatWatch
    board: SourceBoard
    guard: Guard
    plans: NetworkPlans
    leftovers: LeftoverWatch
    pace: NetworkPace
    lost: Callable[[list[Observation]], None]
    report: NetworkReport | None = None
    _looks: int = 0

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            begun = self.clock.boottime_ns()
            self.pace.begun()
            await self.guard.round(NETLINK, self.look())
            await self.pace.rest((self.clock.boottime_ns() - begun) / 1e9)

    def take(self, seen: list[Observation]) -> None:
        """What the watcher of interfaces tells: however much it has lost, a look sees all."""
        self.pace.changed()
        others: list[Observation] = [item for item in seen if not isinstance(item, LinksChanged)]
        if others:
            self.lost(others)

    async def look(self) -> None:
        """One round."""
        seen = await self._survey()
        if seen is None:
            self.report = None
            return
        self.board.up(NAMESPACES)
        self._looks += 1
        self.board.count(NAMESPACES, self._looks)
        await self.plans.read()
        sample = await self._read(seen)
        if sample is None:
            self.report = NetworkReport(
                boottime_ns=seen.boottime_ns,
                wall_ns=seen.wall_ns,
                namespaces=seen,
                pods=tuple(pod_networks(seen, self._names)),
            )
            return
        self.board.up(NETLINK)
        self.board.count(NETLINK, self._looks)
        empty = await self._empty_pods(seen)
        await self.leftovers.look(seen, sample.host, sample.networks, empty)
        self.report = NetworkReport(
            boottime_ns=seen.boottime_ns,
            wall_ns=seen.wall_ns,
            namespaces=seen,
            pods=tuple(
                self._counted(pod, seen.boottime_ns)
                for pod in self._judged(pod_networks(seen, self._names), sample)
            ),
            leftovers=self.leftovers.leftovers,
            judged_leftovers=self.leftovers.judged,
            pools=self.leftovers.pools,
            addresses_unknown=self.leftovers.addresses_unknown,
        )

    # Namespaces

    async def _survey(self) -> NamespaceReport | None:
        wanted = tuple(map(_wanted, self.inventory.alive()))
        now, wall = self.clock.boottime_ns(), self.clock.wall_ns()
        thorough = self._looks % THOROUGH == 0 or self.report is None
        before = None if thorough or self.report is None else self.report.namespaces
        try:
            return await self.workers.run(
                lambda: survey(
                    self.fs,
                    self.namespaces,
                    self.proc,
                    wanted,
                    boottime_ns=now,
                    wall_ns=wall,
                    before=before,
                ),
                deadline_seconds=READ_SECONDS,
            )
        except (Abandoned, TooManyAbandoned) as error:
            self._blind(NAMESPACES, Absent(absence=Absence.FAILED, detail=str(error)))
        except SourceAbsent as error:
            self._blind(NAMESPACES, error.absent)
        return None

    def _blind(self, source: str, absent: Absent) -> None:
        self.board.absent(source, absent)
        if source is NAMESPACES:
            detail = "the namespaces of processes cannot be read"
            self.board.absent(NETLINK, Absent(absence=absent.absence, detail=detail))

    async def _empty_pods(self, seen: NamespaceReport) -> tuple[EmptyPod, ...]:
        """None of them where that cannot be read."""
        lively = {each.container.pod_uid for each in seen.containers if each.pid}
        suspects = [
            EmptyPod(pod=pod.names, path=pod.path, inode=pod.id.inode)
            for pod in self.inventory.alive_pods()
            if pod.id is not None and pod.names.pod_uid not in lively
        ]
        if not suspects:
            return ()
        try:
            return await self.workers.run(
                lambda: empty_pods(self.fs, suspects), deadline_seconds=READ_SECONDS
            )
        except (Abandoned, TooManyAbandoned) as error:
            self._blind(NAMESPACES, Absent(absence=Absence.FAILED, detail=str(error)))
        return ()

    # Networks

    async def _read(self, seen: NamespaceReport) -> Sample | None:
        try:
            host = await self.netlink.run(self._host, deadline_seconds=READ_SECONDS)
            networks: dict[int, NamespaceNetwork] = {}
            targets = list(_targets(seen, self.namespaces))[:MAX_NAMESPACES]
            for start in range(0, len(targets), BATCH):
                batch = targets[start : start + BATCH]
                found = await self.netlink.run(
                    self._networks, host, batch, deadline_seconds=READ_SECONDS
                )
                networks.update((network.inode, network) for network in found)
        except (Abandoned, TooManyAbandoned) as error:
            self._blind(NETLINK, Absent(absence=Absence.FAILED, detail=str(error)))
        except SourceAbsent as error:
            self._blind(NETLINK, error.absent)
        except ParseError as error:
            self._blind(NETLINK, Absent(absence=Absence.FAILED, detail=str(error)))
        else:
            nat = await self.nat.look() if self.plans.masquerades() else None
            return Sample(namespaces=seen, host=host, networks=networks, nat=nat)
        return None

    def _host(self) -> HostNetwork:
        with self.namespaces.opened(self.namespaces.of_process(1)) as fd:
            return read_host(self.root, self.namespaces, fd)

    def _networks(self, host: HostNetwork, targets: list[Target]) -> list[NamespaceNetwork]:
        with self.namespaces.opened(self.namespaces.of_process(1)) as fd:
            return read_namespaces(self.root, self.namespaces, fd, host, targets)

    # Pods

    def _names(self, uid: str, container: Container) -> Container:
        record = self.inventory.pod(uid)
        return container if record is None else record.names

    def _judged(self, pods: Iterable[PodNetwork], sample: Sample) -> Iterable[PodNetwork]:
        busy = self.leftovers.busy()
        for pod in pods:
            network = sample.networks.get(pod.inode)
            if pod.datapath is Datapath.HOST:
                yield pod
            elif pod.name in busy:
                yield replace(pod, steps=unjudged("a CNI call works on it just now"))
            elif network is not None:  # else it has ended since
                asked = self.plans.asked(pod.name)
                yield judge_pod(pod, network, sample.host, sample.nat, asked)

    def _counted(self, pod: PodNetwork, now_ns: int) -> PodNetwork:
        before = () if self.report is None else self.report.pods
        return counted(pod, before, now_ns, int(self.pace.interval * 1e9))


def _wanted(record: ContainerRecord) -> Wanted:
    return Wanted(
        container=record.names,
        cgroup=record.place.path,
        sandbox=record.kind is ContainerKind.SANDBOX,
        init_pid=record.init_pid,
    )


def _targets(seen: NamespaceReport, namespaces: Namespaces) -> Iterable[Target]:
    """Every network namespace but the host's: by a process in it, else by its name."""
    host = seen.host.get(NamespaceKind.NET)
    for inode, pid in seen.members.items():
        if inode != host:
            yield Target(inode=inode, path=namespaces.of_process(pid), pid=pid)
    for named in seen.named:
        if named.inode and named.inode != host and named.inode not in seen.members:
            yield Target(inode=named.inode, path=namespaces.of_name(named.name))
