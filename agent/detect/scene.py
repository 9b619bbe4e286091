"""What the detectors look at: everything that is known at one tick, read-only."""

from __future__ import annotations

from msgspec import Struct, field

from agent.detect.memo import Memo
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.afterlife import Afterlife
from agent.model.blocked import BlockedReport
from agent.model.cni import CNIReport
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.exits import ContainerDeath
from agent.model.faults import FaultReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport, NodeBelief
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.oom import OOMBooks, OOMIncident
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.pulls import PullReport
from agent.model.rates import UsageReport
from agent.model.runtime import RuntimeReport
from agent.model.source import SourceHealth


class Scene(Struct, frozen=True, kw_only=True):
    """One tick. Each field is empty while its source is blind; the catalogue names the sources."""

    now_boottime_ns: int
    now_wall_ns: int
    usage: UsageReport | None = None  # the last sweep, and what follows from it
    containers: tuple[ContainerRecord, ...] = ()  # that are there, sandboxes included
    pods: tuple[PodRecord, ...] = ()  # that are there
    deaths: tuple[ContainerDeath, ...] = ()  # of the last hour, oldest first
    incidents: tuple[OOMIncident, ...] = ()  # of the last hour, oldest first
    memory: MemoryReport | None = None  # headroom to the kubelet's eviction thresholds
    pressure: PressureReport | None = None
    books: OOMBooks | None = None
    first_run_ns: int | None = None  # when the agent first ran on this boot, CLOCK_BOOTTIME
    sources: tuple[SourceHealth, ...] = ()  # how well each source sees
    afterlife: Afterlife | None = None  # ghosts, dead pods, and what cannot die
    cni: CNIReport | None = None  # calls of CNI plugins, and their configuration
    network: NetworkReport | None = None  # pods' network paths, and what the dead have left
    plumbing: PlumbingReport | None = None  # the node's own network
    disks: DiskReport | None = None  # block devices, and which of them end no request
    blocked: BlockedReport | None = None  # tasks in state D of the whole node
    heartbeat: HeartbeatReport | None = None  # the kubelet's and the API server's connections
    runtime: RuntimeReport | None = None  # the runtime's ladder, its process and its shims
    memo: Memo = field(default_factory=Memo)  # what was said before; of whoever makes the scenes
    cpu: CPUReport | None = None  # where the CPUs' time goes
    kubelet: KubeletReport | None = None  # its process and its healthz
    belief: NodeBelief | None = None  # of the API server about this node
    pulls: PullReport | None = None  # blobs that containerd pulls
    faults: FaultReport = field(default_factory=FaultReport)  # of disks and tasks, by kmsg
