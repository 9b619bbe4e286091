"""The one published snapshot of the node: what GetStatus and /metrics show."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from agent.derive.kernel_faults import KernelFaults
from agent.engine.blocked import BlockedWatch
from agent.engine.board import SourceBoard
from agent.engine.cni import CNIWatch
from agent.engine.cpu import CpuWatch
from agent.engine.disks import DiskWatch
from agent.engine.headroom import HeadroomWatch
from agent.engine.heartbeat import HeartbeatWatch
from agent.engine.kubelet import KubeletWatch
from agent.engine.network import NetworkWatch
from agent.engine.places import PlaceFinder
from agent.engine.plumbing import PlumbingWatch
from agent.engine.pressure import PressureWatch
from agent.engine.pulls import PullWatch
from agent.engine.pulse import Pulse
from agent.engine.runtime import RuntimeWatch
from agent.engine.shield import Shield
from agent.engine.usage import UsageWatch
from agent.host.absence import SourceAbsent
from agent.host.boot import BootFacts
from agent.host.clock import Clock
from agent.host.self_usage import ProcessUsage, SelfUsageSource
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.inventory.running import Running
from agent.ledger.exit_series import ExitSeries, Labels
from agent.ledger.oom import OOMLedger
from agent.ledger.series import OOMSeriesFold
from agent.model.blocked import BlockedReport
from agent.model.cgroup import CgroupMode
from agent.model.cni import CNIReport
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.exits import Verdict
from agent.model.faults import FaultReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.pulls import PullReport
from agent.model.runtime import RuntimeReport
from agent.model.status import HostFacts, Identity, NodeStatus, OOMSeries, SelfUsage
from agent.state.conditions import Conditions
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.journal import Journal
from agent.state.off import NoJournal
from agent.state.stream import EventStream


class StatusView(Struct, frozen=True, kw_only=True):
    """Answers from memory at once; only the agent's own usage is read, from its own procfs."""

    clock: Clock
    identity: Identity
    boot: BootFacts
    mode: CgroupMode
    board: SourceBoard
    inventory: Inventory
    ledger: OOMLedger
    folded: OOMSeriesFold
    journal: Journal | NoJournal
    stream: EventStream
    incidents: IncidentIndex
    deaths: DeathIndex
    exit_series: ExitSeries
    pools: Pools
    usage: SelfUsageSource
    memory_bytes: int
    places: PlaceFinder
    headroom: HeadroomWatch
    swept: UsageWatch
    stalls: PressureWatch
    calls: CNIWatch
    paths: NetworkWatch
    pipes: PlumbingWatch
    ladder: RuntimeWatch
    beats: HeartbeatWatch
    nodes_own: KubeletWatch
    processors: CpuWatch
    devices: DiskWatch
    waiting: BlockedWatch
    faulted: KernelFaults
    images: PullWatch
    conditions: Conditions
    pulse: Pulse
    shield: Shield
    trace_buffer_bytes: Callable[[], int]

    def series(self) -> OOMSeries:
        """Everything that /metrics says about kills."""
        return self.folded.series(self.ledger.books())

    def exits(self) -> Mapping[Labels, Mapping[Verdict, int]]:
        """What /metrics says about deaths of containers."""
        return self.exit_series.counts()

    def memory(self) -> MemoryReport | None:
        """What is left before the kubelet evicts."""
        return self.headroom.report

    def running(self) -> Running:
        """What runs, and what it uses."""
        return Running(
            containers=tuple(self.inventory.alive()),
            pods=tuple(self.inventory.alive_pods()),
            wall_offset_ns=self.clock.wall_ns() - self.clock.boottime_ns(),
            report=self.swept.report,
        )

    def pressure(self) -> PressureReport | None:
        """How long tasks wait, and for what."""
        return self.stalls.report

    def cni(self) -> CNIReport:
        """Calls of CNI plugins, and the CNI's configuration."""
        return self.calls.report()

    def network(self) -> NetworkReport | None:
        """Namespaces, and the network path of each pod."""
        return self.paths.report

    def heartbeat(self) -> HeartbeatReport | None:
        """Connections of the kubelet and of the API server."""
        return self.beats.report

    def plumbing(self) -> PlumbingReport | None:
        """The node's own network."""
        return self.pipes.report

    def pulls(self) -> PullReport | None:
        """Blobs that containerd pulls."""
        return self.images.report

    def disks(self) -> DiskReport | None:
        """Block devices."""
        return self.devices.report

    def blocked(self) -> BlockedReport | None:
        """Tasks in state D."""
        return self.waiting.report

    def faults(self) -> FaultReport:
        """What the kernel's log says of disks and tasks."""
        return self.faulted.report()

    def cpu(self) -> CPUReport | None:
        """Where the CPUs' time goes."""
        return self.processors.report

    def kubelet(self) -> KubeletReport | None:
        """Whether the kubelet lives and answers."""
        return self.nodes_own.report

    def runtime(self) -> RuntimeReport | None:
        """Whether the container runtime answers."""
        return self.ladder.report

    def status(self) -> NodeStatus:
        """One moment of everything else."""
        return NodeStatus(
            now_boottime_ns=self.clock.boottime_ns(),
            now_wall_ns=self.clock.wall_ns(),
            identity=self.identity,
            host=HostFacts(
                kernel_release=self.boot.kernel_release,
                cgroup_mode=self.mode.value,
                cgroup_driver=self.inventory.driver,
                containers=self.inventory.containers,
                pods=self.inventory.pods,
                memory_bytes=self.memory_bytes,
            ),
            sources=self.board.health(),
            oom=self.ledger.books(),
            journal=self.journal.health(),
            usage=self._usage(),
            recorder_window_seconds=self.places.window_seconds,
        )

    def _usage(self) -> SelfUsage:
        try:
            own = self.usage.read()
        except SourceAbsent:
            own = ProcessUsage(cpu_seconds=0.0, resident_bytes=0, open_fds=0)
        statistics = self.stream.statistics()
        return SelfUsage(
            cpu_seconds=own.cpu_seconds,
            resident_bytes=own.resident_bytes,
            open_fds=own.open_fds,
            trace_buffer_bytes=self.trace_buffer_bytes(),
            subscribers=statistics.subscribers,
            subscriber_drops=statistics.subscriber_drops,
            abandoned_workers=self.pools.abandoned + self.journal.abandoned_readers,
            worker_limit=self.pools.limit + self.journal.reader_limit,
            loop_lag=self.pulse.lag,
            loop_lag_max_seconds=self.pulse.longest_seconds(self.clock.boottime_ns()),
            protections=self.shield.taken,
        )
