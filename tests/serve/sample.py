"""A made-up node for the tests of serve: one object that has what `View` asks for."""

from __future__ import annotations

from msgspec.structs import replace

from agent.inventory.running import Running
from agent.model.absence import Absence
from agent.model.blocked import BlockedReport
from agent.model.cni import CNIReport
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.event import Event, OOMRecorded
from agent.model.exits import Verdict
from agent.model.faults import FaultReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport
from agent.model.latency import Latency
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.oom import (
    Container,
    Disagreement,
    LimitLevel,
    OOMBooks,
    OOMIncident,
    Outcome,
    Victim,
)
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.protection import Protection
from agent.model.pulls import PullReport
from agent.model.runtime import RuntimeReport
from agent.model.source import SourceHealth, SourceState
from agent.model.status import (
    ContainerKills,
    HostFacts,
    Identity,
    JournalHealth,
    NodeStatus,
    OOMSeries,
    SelfUsage,
)
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.off import NoJournal
from agent.state.stream import EventStream
from tests.serve.cni_sample import CNI
from tests.serve.condition_sample import hidden, judged
from tests.serve.cpu_sample import CPU
from tests.serve.fault_sample import FAULTS
from tests.serve.heartbeat_sample import HEARTBEAT
from tests.serve.io_sample import BLOCKED, DISKS
from tests.serve.kubelet_sample import KUBELET
from tests.serve.memory_sample import MEMORY
from tests.serve.network_sample import NETWORK
from tests.serve.plumbing_sample import PLUMBING
from tests.serve.pressure_sample import PRESSURE
from tests.serve.pulls_sample import PULLS
from tests.serve.runtime_sample import RUNTIME
from tests.serve.usage_sample import RUNNING

BOOT_ID = "3e0c1f6a-0000-4000-8000-000000000001"
STREAM_ID = "stream-1"

SOURCES = (
    SourceHealth(
        name="kmsg",
        tells="who was killed",
        required=True,
        state=SourceState.UP,
        since_wall_ns=1,
        records=70,
        lost=3,
    ),
    SourceHealth(
        name="vmstat",
        tells="how many were killed",
        required=True,
        state=SourceState.DOWN,
        since_wall_ns=1,
        absence=Absence.FAILED,
        detail="EIO",
    ),
    SourceHealth(
        name="trace",
        tells="who was killed, at once",
        required=False,
        state=SourceState.ABSENT,
        since_wall_ns=1,
        absence=Absence.UNSUPPORTED,
        detail="no tracefs",
    ),
)

STATUS = NodeStatus(
    now_boottime_ns=7_200 * 10**9,
    now_wall_ns=1_790_000_000 * 10**9,
    identity=Identity(
        node="node-1",
        boot_id=BOOT_ID,
        machine_id="0f" * 16,
        version="0.1.0",
        pid=4711,
        started_wall_ns=1_789_999_000 * 10**9,
        started_boottime_ns=6_200 * 10**9,
    ),
    host=HostFacts(
        kernel_release="6.1.0-56",
        cgroup_mode="v2",
        cgroup_driver="systemd",
        containers=2,
        pods=1,
        memory_bytes=8 << 30,
    ),
    sources=SOURCES,
    oom=OOMBooks(
        counted=14,
        victims=10,
        repeats=2,
        unattributed=1,
        unattributed_before_start=0,
        pending=1,
        drill_victims=1,
        settle_seconds=2.0,
    ),
    journal=JournalHealth(
        state="ok",
        detail="",
        since_wall_ns=1,
        path="/var/lib/nodewitness/journal.db",
        bytes=4096,
        max_bytes=64 << 20,
        events=12,
        first_sequence=1,
        last_sequence=12,
        dropped=5,
        stream_id=STREAM_ID,
        waiting=3,
    ),
    recorder_window_seconds=43.5,
    usage=SelfUsage(
        cpu_seconds=1.5,
        resident_bytes=60 << 20,
        open_fds=40,
        trace_buffer_bytes=16 << 20,
        subscribers=2,
        subscriber_drops=6,
        abandoned_workers=0,
        worker_limit=31,
        loop_lag=Latency().plus(0.002).plus(1.5),
        loop_lag_max_seconds=1.5,
        protections=(
            Protection(name="oom_score_adj", got=True, detail="-997"),
            Protection(name="memory.min", got=False, detail="it is 0 in /kubepods"),
        ),
    ),
)


def kills(
    namespace: str, pod: str, container: str, survived: int = 0, died: int = 0, unknown: int = 0
) -> ContainerKills:
    return ContainerKills(
        namespace=namespace,
        pod=pod,
        container=container,
        kills={Outcome.SURVIVED: survived, Outcome.DIED: died, Outcome.UNKNOWN: unknown},
    )


SERIES = OOMSeries(
    containers=(kills("shop", "web-0", "app", survived=3), kills("shop", "web-0", "proxy")),
    series_evicted=4,
    system_kills={"containerd.service": 2},
    incidents={LimitLevel.CONTAINER: 5},
    repeats=2,
    unattributed=1,
    drill_kills=1,
    disbelieved=9,
    disagreements={Disagreement.KILL_NOT_REPORTED: 6, Disagreement.KERNEL_COUNTED_NONE: 0},
)


def incident(
    number: int, *, namespace: str = "shop", pod: str = "web-0", victims: int = 1
) -> OOMIncident:
    """One call of the OOM killer, a second after that with the number before."""
    return OOMIncident(
        id=f"{BOOT_ID}/k{number}",
        boot_id=BOOT_ID,
        revision=1,
        boottime_ns=number * 10**9,
        wall_ns=(1_790_000_000 + number) * 10**9,
        victims=tuple(Victim(pid=pid, comm="worker") for pid in range(1, victims + 1)),
        container=Container(namespace=namespace, pod=pod, pod_uid=f"uid-of-{pod}", name="app"),
        counted=victims,
    )


class SampleView:
    """What is published, settable by a test."""

    def __init__(self) -> None:
        self.now = STATUS
        self.oom = SERIES
        self.now_running = RUNNING
        self.memory_now: MemoryReport | None = MEMORY
        self.pressure_now: PressureReport | None = PRESSURE
        self.cni_now: CNIReport = CNI
        self.network_now: NetworkReport | None = NETWORK
        self.plumbing_now: PlumbingReport | None = PLUMBING
        self.runtime_now: RuntimeReport | None = RUNTIME
        self.heartbeat_now: HeartbeatReport | None = HEARTBEAT
        self.kubelet_now: KubeletReport | None = KUBELET
        self.cpu_now: CPUReport | None = CPU
        self.disks_now: DiskReport | None = DISKS
        self.blocked_now: BlockedReport | None = BLOCKED
        self.faults_now = FAULTS
        self.pulls_now: PullReport | None = PULLS
        self.incidents = IncidentIndex(20_000)
        self.deaths = DeathIndex()
        self.ended: dict[tuple[str, str, str], dict[Verdict, int]] = {}
        self.conditions = judged(hidden())
        self.stream = EventStream(NoJournal(1), BOOT_ID)

    def status(self) -> NodeStatus:
        return self.now

    def series(self) -> OOMSeries:
        return self.oom

    def running(self) -> Running:
        return self.now_running

    def exits(self) -> dict[tuple[str, str, str], dict[Verdict, int]]:
        return self.ended

    def memory(self) -> MemoryReport | None:
        return self.memory_now

    def pressure(self) -> PressureReport | None:
        return self.pressure_now

    def cni(self) -> CNIReport:
        return self.cni_now

    def network(self) -> NetworkReport | None:
        return self.network_now

    def plumbing(self) -> PlumbingReport | None:
        return self.plumbing_now

    def runtime(self) -> RuntimeReport | None:
        return self.runtime_now

    def heartbeat(self) -> HeartbeatReport | None:
        return self.heartbeat_now

    def kubelet(self) -> KubeletReport | None:
        return self.kubelet_now

    def cpu(self) -> CPUReport | None:
        return self.cpu_now

    def disks(self) -> DiskReport | None:
        return self.disks_now

    def blocked(self) -> BlockedReport | None:
        return self.blocked_now

    def faults(self) -> FaultReport:
        return self.faults_now

    def pulls(self) -> PullReport | None:
        return self.pulls_now

    def show(self, *containers: ContainerKills) -> None:
        self.oom = replace(self.oom, containers=containers)

    def happen(self, *incidents: OOMIncident) -> list[Event]:
        """Publish them as they would be: into the index and the stream."""
        events = []
        for each in incidents:
            self.incidents.put(each)
            events.append(self.stream.publish(OOMRecorded(incident=each), 1, 1))
        return events
