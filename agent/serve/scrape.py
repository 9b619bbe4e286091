"""What one scrape is written from."""

from __future__ import annotations

from msgspec import Struct, field

from agent.model.blocked import BlockedReport
from agent.model.cni import CNIReport
from agent.model.condition import Condition, Severity, Verity
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.faults import FaultReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.pulls import PullReport
from agent.model.runtime import RuntimeReport
from agent.model.status import NodeStatus, OOMSeries
from agent.serve.statistics import HttpStatistics, TlsStatistics


class ConditionSeries(Struct, frozen=True, kw_only=True):
    """What /metrics says of conditions."""

    roll_up: dict[str, Verity] = field(default_factory=dict)
    worst: dict[str, Severity] = field(default_factory=dict)  # of what is True, by type
    of_pods: tuple[Condition, ...] = ()  # True ones of pods and containers
    left_out: int = 0


class Scrape(Struct, frozen=True, kw_only=True):
    """All that one scrape is written from, taken at one moment."""

    status: NodeStatus
    series: OOMSeries
    http: HttpStatistics
    tls: tuple[TlsStatistics, ...] = ()  # of each endpoint that has it
    memory: MemoryReport | None = None
    pressure: PressureReport | None = None
    cni: CNIReport | None = None
    network: NetworkReport | None = None
    heartbeat: HeartbeatReport | None = None
    plumbing: PlumbingReport | None = None
    runtime: RuntimeReport | None = None
    kubelet: KubeletReport | None = None
    cpu: CPUReport | None = None
    disks: DiskReport | None = None
    blocked: BlockedReport | None = None
    faults: FaultReport = field(default_factory=FaultReport)
    pulls: PullReport | None = None
    conditions: ConditionSeries = field(default_factory=ConditionSeries)
