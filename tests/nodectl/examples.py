"""Wire messages that the golden outputs show: one node on a bad night."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent.api.cni import call_to_wire, report_to_wire
from agent.api.memory import memory_to_wire
from agent.api.pressure import episode_to_wire, pressure_to_wire
from agent.api.v1 import (
    condition_pb2,
    event_pb2,
    exits_pb2,
    node_agent_pb2,
    oom_pb2,
    status_pb2,
)
from agent.engine.board import TELLS
from agent.serve import network
from agent.serve.cpu import answer as answer_cpu
from agent.serve.heartbeat import answer as answer_heartbeat
from agent.serve.io import blocked as answer_blocked
from agent.serve.io import devices as answer_devices
from agent.serve.kubelet import answer as answer_kubelet
from agent.serve.plumbing import answer as answer_plumbing
from agent.serve.pulls import answer as answer_pulls
from agent.serve.runtime import answer as answer_runtime
from tests.serve.cni_sample import CNI
from tests.serve.cni_sample import WALL_NS as CNI_WALL_NS
from tests.serve.cpu_sample import CPU
from tests.serve.fault_sample import FAULTS
from tests.serve.heartbeat_sample import HEARTBEAT
from tests.serve.io_sample import BLOCKED, DISKS
from tests.serve.kubelet_sample import KUBELET
from tests.serve.memory_sample import MEMORY, NOW_WALL_NS
from tests.serve.network_sample import NETWORK
from tests.serve.network_sample import WALL_NS as NETWORK_WALL_NS
from tests.serve.plumbing_sample import PLUMBING
from tests.serve.pressure_sample import PRESSURE
from tests.serve.pulls_sample import PULLS
from tests.serve.runtime_sample import RUNTIME

GI = 1 << 30
MI = 1 << 20
NOW_NS = int(datetime(2026, 11, 22, 3, 12, 44, tzinfo=UTC).timestamp()) * 1_000_000_000
BOOT = "0c2e7a4e-5f0b-4e8c-9d61-2f6f3c1f9a10"
STREAM = "s-4f1c"


def ago(seconds: float) -> Timestamp:
    """That long before NOW_NS."""
    stamp = Timestamp()
    stamp.FromNanoseconds(NOW_NS - int(seconds * 1e9))
    return stamp


def span(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


def victim(comm: str, pid: int, rss: int, cgroup: str = "/kubepods/x") -> oom_pb2.Victim:
    return oom_pb2.Victim(
        pid=pid,
        comm=comm,
        anon_rss_bytes=rss,
        cgroup=cgroup,
        attribution=oom_pb2.ATTRIBUTION_PROC,
        witnesses=[oom_pb2.WITNESS_VMSTAT, oom_pb2.WITNESS_MEMORY_EVENTS, oom_pb2.WITNESS_KMSG],
    )


def container(namespace: str, pod: str, name: str) -> oom_pb2.Container:
    return oom_pb2.Container(namespace=namespace, pod=pod, name=name, names_from="cri")


def hidden_kill(
    comm: str = "worker", pod: str = "gateway-v2-7f5d9c8d4b-9w2k1"
) -> oom_pb2.OOMIncident:
    return oom_pb2.OOMIncident(
        id=f"{BOOT}/k451",
        revision=2,
        time=ago(12),
        constraint="CONSTRAINT_MEMCG",
        limit_level=oom_pb2.LIMIT_LEVEL_CONTAINER,
        limit_cgroup="/kubepods/burstable/pod1/c1",
        limit_bytes=2 * GI,
        victims=[victim(comm, 4711, int(1.9 * GI))],
        container=container("shop", pod, "gateway"),
        outcome=oom_pb2.OUTCOME_SURVIVED,
        hidden=oom_pb2.TRUTH_YES,
        runtime_says="Running",
        confidence=oom_pb2.CONFIDENCE_HIGH,
        counted=1,
    )


def incidents() -> list[oom_pb2.OOMIncident]:
    """One of each kind, the newest first."""
    return [
        hidden_kill(),
        oom_pb2.OOMIncident(
            id=f"{BOOT}/k430",
            revision=3,
            time=ago(184),
            constraint="CONSTRAINT_MEMCG",
            limit_level=oom_pb2.LIMIT_LEVEL_POD,
            limit_cgroup="/kubepods/burstable/pod2",
            limit_bytes=3 * GI,
            victims=[victim("java", 3301, 2 * GI), victim("sh", 3302, MI), victim("cat", 3303, MI)],
            container=container("shop", "order-processor-5566778899-abc12", "app"),
            group_kill=True,
            outcome=oom_pb2.OUTCOME_DIED,
            hidden=oom_pb2.TRUTH_NO,
            runtime_says="Error, 137",
            disagreement=oom_pb2.DISAGREEMENT_KILL_NOT_REPORTED,
            confidence=oom_pb2.CONFIDENCE_HIGH,
            counted=4,
        ),
        oom_pb2.OOMIncident(
            id=f"{BOOT}/k401",
            revision=1,
            time=ago(2460),
            constraint="CONSTRAINT_NONE",
            limit_level=oom_pb2.LIMIT_LEVEL_NODE,
            victims=[victim("containerd", 998, 612 * MI, "/system.slice/containerd.service")],
            unit="containerd.service",
            outcome=oom_pb2.OUTCOME_UNKNOWN,
            hidden=oom_pb2.TRUTH_UNKNOWN,
            confidence=oom_pb2.CONFIDENCE_MEDIUM,
            counted=1,
        ),
        oom_pb2.OOMIncident(
            id=f"{BOOT}/k388",
            revision=1,
            time=ago(7300),
            constraint="CONSTRAINT_MEMCG",
            limit_level=oom_pb2.LIMIT_LEVEL_SYSTEM,
            limit_cgroup="/nodewitness-drill-f0000002000012ab00000054c1d29e3f",
            limit_bytes=32 * MI,
            victims=[
                victim(
                    "drill-c1d29e3f",
                    5210,
                    32 * MI - 4096,
                    "/nodewitness-drill-f0000002000012ab00000054c1d29e3f",
                )
            ],
            unit="nodewitness-drill-f0000002000012ab00000054c1d29e3f",
            drill=True,
            outcome=oom_pb2.OUTCOME_UNKNOWN,
            confidence=oom_pb2.CONFIDENCE_HIGH,
            counted=1,
        ),
        oom_pb2.OOMIncident(
            id=f"{BOOT}/c77-3",
            revision=1,
            time=ago(260000),
            unattributed=True,
            outcome=oom_pb2.OUTCOME_UNKNOWN,
            confidence=oom_pb2.CONFIDENCE_LOW,
            counted=3,
        ),
    ]


def books() -> oom_pb2.OOMBooks:
    return oom_pb2.OOMBooks(
        counted=10,
        victims=6,
        repeats=1,
        unattributed=3,
        unattributed_before_start=3,
        drill_victims=1,
        balanced=True,
        settle=span(2),
    )


def answer() -> node_agent_pb2.ListOOMIncidentsResponse:
    return node_agent_pb2.ListOOMIncidentsResponse(
        incidents=incidents(), books=books(), oldest_held=ago(260000)
    )


def source(
    name: str, tells: str, state: status_pb2.Source.State = status_pb2.Source.STATE_UP
) -> status_pb2.Source:
    return status_pb2.Source(name=name, tells=tells, state=state, since=ago(11000), records=1204)


def healthy() -> status_pb2.Status:
    return status_pb2.Status(
        identity=status_pb2.Identity(
            node="ip-10-0-64-12",
            boot_id=BOOT,
            version="0.1.0",
            pid=812,
            uptime=span(11000),
            node_uptime=span(72 * 3600),
        ),
        host=status_pb2.Host(
            kernel_release="6.1.0-56",
            cgroup_mode="v2",
            cgroup_driver="systemd",
            memory_bytes=8 * GI,
        ),
        sources=[source(name, tells) for name, (tells, _) in TELLS.items()],
        oom=books(),
        journal=status_pb2.Journal(
            state="ok",
            since=ago(11000),
            path="/var/lib/nodewitness/journal.db",
            bytes=2 * MI + 300_000,
            max_bytes=64 * MI,
            events=1042,
            first_sequence=1,
            last_sequence=1042,
            stream_id=STREAM,
        ),
        self=status_pb2.SelfUsage(
            cpu=span(94),
            resident_bytes=41 * MI,
            open_fds=61,
            trace_buffer_bytes=3 * MI,
            subscribers=2,
            worker_limit=31,
            loop_lag_max=span(0.0123),
            protections=[
                status_pb2.Protection(name="oom_score_adj", got=True, detail="-997"),
                status_pb2.Protection(
                    name="mlock2",
                    got=True,
                    detail="38 MiB of code stay in memory once they are used",
                ),
                status_pb2.Protection(
                    name="memory.min",
                    detail="it is 0 in /kubepods; set MemoryMin= of the unit and of each slice"
                    " above it",
                ),
            ],
        ),
    )


def sick() -> status_pb2.Status:
    """kmsg is blind, trace does not exist, the disk hangs, the books are off."""
    status = healthy()
    kmsg, trace = status.sources[2], status.sources[3]
    kmsg.state = status_pb2.Source.STATE_DOWN
    kmsg.absence = "DENIED"
    kmsg.detail = "/dev/kmsg: Operation not permitted; kernel.dmesg_restrict=1 asks for CAP_SYSLOG"
    kmsg.since.CopyFrom(ago(131))
    kmsg.lost = 17
    trace.state = status_pb2.Source.STATE_ABSENT
    trace.absence = "UNSUPPORTED"
    trace.detail = "this kernel has no tracefs"
    status.oom.counted = 12
    status.oom.pending = 1
    status.oom.balanced = False
    status.journal.state = "stalled"
    status.journal.detail = "the disk has not answered for 31 s; events are kept in memory"
    status.journal.since.CopyFrom(ago(31))
    status.journal.dropped = 5
    status.self.subscriber_drops = 1200
    status.self.abandoned_workers = 1
    return status


def condition(
    kind: str,
    seconds: float,
    message: str,
    *,
    severity: condition_pb2.Severity = condition_pb2.SEVERITY_CRITICAL,
    status: condition_pb2.ConditionStatus = condition_pb2.CONDITION_STATUS_TRUE,
    names: oom_pb2.Container | None = None,
    reason: str = "Found",
    evidence: tuple[tuple[str, str, str], ...] = (),
) -> condition_pb2.Condition:
    of = condition_pb2.ENTITY_KIND_NODE if names is None else condition_pb2.ENTITY_KIND_CONTAINER
    return condition_pb2.Condition(
        type=kind,
        entity=condition_pb2.Entity(kind=of, id="" if names is None else "4f" * 32, names=names),
        status=status,
        severity=severity,
        since=ago(seconds),
        reason=reason,
        message=message,
        evidence=[condition_pb2.Evidence(what=w, value=v, source=s) for w, v, s in evidence],
        revision=1,
    )


def conditions() -> list[condition_pb2.Condition]:
    """A bad night, in the order that the agent gives them in."""
    hidden = condition(
        "HiddenOOMKill",
        12,
        "worker[4711] was killed at its own limit of 2Gi; the container runs on, the runtime says "
        "Running",
        names=container("shop", "gateway-v2-7f5d9c8d4b-9w2k1", "gateway"),
        reason="ProcessKilled",
        evidence=(
            ("incident", f"{BOOT}/k451", "kmsg, memory.events, vmstat"),
            (
                "limit",
                "at its own limit of 2Gi",
                "/kubepods/burstable/pod1/c1/memory.events.local",
            ),
        ),
    )
    hidden.expires.CopyFrom(ago(-888))
    return [
        hidden,
        condition(
            "EvictionImminent",
            31,
            "memory.available 612Mi, hard threshold 500Mi, at this slope 40 s left; eaten by "
            "shop/order-processor-5566778899-abc12 app (+1.9Gi in 5 min)",
            severity=condition_pb2.SEVERITY_WARNING,
            reason="Memory",
            evidence=(("memory.available", "641728512 of 8589934592", "memory.stat"),),
        ),
        condition(
            "RuntimeDisagrees",
            131,
            "cri is down: /run/containerd/containerd.sock accepts connections and does not answer",
            severity=condition_pb2.SEVERITY_WARNING,
            status=condition_pb2.CONDITION_STATUS_UNKNOWN,
            reason="SourceBlind",
        ),
    ]


def event(sequence: int, **kind: object) -> event_pb2.Event:
    return event_pb2.Event(
        stream_id=STREAM,
        sequence=sequence,
        boot_id=BOOT,
        boottime_ns=1_000_000 * sequence,
        time=ago(1000 - sequence),
        **kind,  # type: ignore[arg-type]
    )


def events() -> list[event_pb2.Event]:
    """One of each kind."""
    hidden = hidden_kill(pod="web-1")
    node_wide, drill, nameless = incidents()[2:]
    for incident in (hidden, drill, nameless):
        incident.time.CopyFrom(ago(992.4))
    node_wide.time.CopyFrom(ago(994 + 131))
    node_wide.unit, node_wide.victims[0].comm = "ssh.service", "sshd"
    return [
        event(1, agent_started=event_pb2.AgentStarted(version="0.1.0", pid=812)),
        event(2, source_change=event_pb2.SourceChange(source="trace", up=False)),
        event(3, source_change=event_pb2.SourceChange(source="trace", up=True)),
        event(4, oom_recorded=hidden),
        event(5, oom_amended=hidden),
        event(6, oom_recorded=node_wide),
        event(7, oom_recorded=drill),
        event(8, oom_recorded=nameless),
        event(9, source_gap=event_pb2.SourceGap(source="kmsg", lost=17, detail="overrun")),
        event(10, source_gap=event_pb2.SourceGap(source="trace")),
        event(
            11,
            runtime_disagreement=event_pb2.RuntimeDisagreement(
                container=container("shop", "db-1", "db"),
                kind=oom_pb2.DISAGREEMENT_KERNEL_COUNTED_NONE,
                runtime_says="OOMKilled, exit code 0",
                kernel_says="counted no kill",
            ),
        ),
        event(12, journal_change=event_pb2.JournalChange(state="stalled", detail="the disk hangs")),
        event(13, condition_changed=event_pb2.ConditionChanged(condition=_raised())),
        event(14, pressure_crossed=episode_to_wire(PRESSURE.current[0])),
        event(15, pressure_crossed=episode_to_wire(PRESSURE.last[0])),
        event(16, exit_recorded=deaths()[3]),
        event(17, exit_amended=_stopped()),
    ]


def _stopped() -> exits_pb2.ContainerDeath:
    stopped = deaths()[0]
    stopped.container.pod, stopped.container.name, stopped.runtime_says = "db", "db", ""
    return stopped


def _raised() -> condition_pb2.Condition:
    return condition(
        "HiddenOOMKill",
        900,
        "a child died",
        names=container("shop", "web-1", "gateway"),
    )


def memory() -> node_agent_pb2.GetMemoryResponse:
    """A node before its kubelet evicts, as it is at MEMORY_NS."""
    return node_agent_pb2.GetMemoryResponse(memory=memory_to_wire(MEMORY, 10))


def pressure() -> node_agent_pb2.GetPressureResponse:
    """Kubepods that thrash, as they are at MEMORY_NS."""
    return node_agent_pb2.GetPressureResponse(pressure=pressure_to_wire(PRESSURE))


def cni() -> node_agent_pb2.ListCNICallsResponse:
    """A wedged network, as it is at CNI_NS."""
    calls = [call_to_wire(call, CNI) for call in CNI.calls]
    return node_agent_pb2.ListCNICallsResponse(cni=report_to_wire(CNI, calls))


def networks(pod: str = "") -> node_agent_pb2.ListPodNetworksResponse:
    """A pod off its bridge, a healthy one, one of the host's network, and leftovers."""
    request = node_agent_pb2.ListPodNetworksRequest(pod=pod)
    return asyncio.run(network.networks(request, NETWORK))


def namespaces() -> node_agent_pb2.ListNamespacesResponse:
    """Of the same pods."""
    return asyncio.run(network.namespaces(node_agent_pb2.ListNamespacesRequest(), NETWORK))


def runtime() -> node_agent_pb2.GetRuntimeResponse:
    """A stopped containerd, as it is at CNI_NS."""
    return answer_runtime(RUNTIME)


def pulls() -> node_agent_pb2.ListPullsResponse:
    """A registry that has gone silent."""
    return answer_pulls(PULLS)


def heartbeat() -> node_agent_pb2.GetHeartbeatResponse:
    """A kubelet that is not heard, and an API server whose webhooks are dead."""
    return answer_heartbeat(HEARTBEAT)


def kubelet() -> node_agent_pb2.GetKubeletResponse:
    """A throttled kubelet, as it is at CNI_NS."""
    return answer_kubelet(KUBELET)


def cpu() -> node_agent_pb2.GetCPUResponse:
    """An overcommitted node."""
    return answer_cpu(CPU)


def plumbing() -> node_agent_pb2.GetPlumbingResponse:
    """Full tables, a vanished overlay, lost routes, an iptables-restore that takes long."""
    return answer_plumbing(PLUMBING)


def devices() -> node_agent_pb2.ListDevicesResponse:
    """A volume that is suspended."""
    return answer_devices(DISKS, FAULTS)


def blocked() -> node_agent_pb2.ListBlockedTasksResponse:
    """Those that wait for it."""
    return answer_blocked(node_agent_pb2.ListBlockedTasksRequest(), BLOCKED, FAULTS)


CNI_NS = CNI_WALL_NS
NETWORK_NS = NETWORK_WALL_NS
MEMORY_NS = NOW_WALL_NS


def deaths() -> list[exits_pb2.ContainerDeath]:
    """One of several kinds, the newest first."""
    return [
        exits_pb2.ContainerDeath(
            id=f"{BOOT}/c1",
            revision=2,
            container=container("shop", "gateway-v2-7f5d9c8d4b-9w2k1", "gateway"),
            attempt=3,
            time=ago(9),
            verdict=exits_pb2.VERDICT_GRACE_EXCEEDED,
            stop_reason=exits_pb2.STOP_REASON_RESTART,
            signal=9,
            init_pid=4711,
            sender=exits_pb2.Sender(pid=5120, comm="runc", unit="containerd.service"),
            runtime_says="Error, exit code 137",
            confidence=oom_pb2.CONFIDENCE_HIGH,
            witnesses=["connector", "signals", "memory.events", "cri"],
            settled=True,
        ),
        exits_pb2.ContainerDeath(
            id=f"{BOOT}/c2",
            revision=2,
            container=container("shop", "cart-0", "app"),
            time=ago(75),
            verdict=exits_pb2.VERDICT_KILLED_BY_PROCESS,
            signal=9,
            init_pid=812,
            sender=exits_pb2.Sender(pid=9021, comm="sh", unit="session-3.scope"),
            runtime_says="Error, exit code 137",
            confidence=oom_pb2.CONFIDENCE_HIGH,
            witnesses=["connector", "signals", "memory.events", "cri"],
            settled=True,
        ),
        exits_pb2.ContainerDeath(
            id=f"{BOOT}/c3",
            revision=3,
            container=container("shop", "orders-abc12", "app"),
            time=ago(184),
            verdict=exits_pb2.VERDICT_OOM_POD_LIMIT,
            signal=9,
            runtime_says="Error, exit code 137",
            disagreement=oom_pb2.DISAGREEMENT_KILL_NOT_REPORTED,
            confidence=oom_pb2.CONFIDENCE_HIGH,
            witnesses=["connector", "memory.events", "cri", "kmsg"],
            settled=True,
        ),
        exits_pb2.ContainerDeath(
            id=f"{BOOT}/c4",
            revision=1,
            container=container("shop", "batch-x2x9p", "job"),
            time=ago(2460),
            verdict=exits_pb2.VERDICT_EXITED,
            exit_code=3,
            runtime_says="Error, exit code 3",
            confidence=oom_pb2.CONFIDENCE_LOW,
            witnesses=["cri"],
            settled=True,
        ),
    ]


def exits() -> node_agent_pb2.ListExitsResponse:
    return node_agent_pb2.ListExitsResponse(exits=deaths(), oldest_held=ago(2460))
