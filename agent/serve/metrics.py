"""The metric families, one row each: name, kind, help, labels, and where the value comes from.

A row whose function yields nothing is left out of that scrape: what is unknown is absent, never
zero. The one family with a series per container is not a row but `KILLS`, for it is rendered by
hand (agent.serve.exposition). Pids, UIDs, paths and inodes are in the events, never in a label.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from msgspec import Struct, field

from agent.model.blocked import BlockedReport
from agent.model.cni import CNIReport
from agent.model.disks import DiskReport
from agent.model.latency import Latency
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.oom import LimitLevel
from agent.model.pressure import PressureReport
from agent.model.runtime import RuntimeReport
from agent.model.source import SourceHealth, SourceState
from agent.model.status import NodeStatus, OOMSeries
from agent.serve import cni, conditions, io, memory, network, pressure, runtime
from agent.serve.conditions import ConditionSeries
from agent.serve.exposition import Counter

KILLS = Counter(
    name="nodewitness_oom_kills",
    help="Processes of a container that the kernel's OOM killer killed, by what became of the "
    "container. Starts at 0 while the container lives. Without drills.",
)


class HttpStatistics(Struct, kw_only=True):
    """What the metrics endpoint itself has done; its server and its pages keep the count."""

    connections: int = 0  # open now
    dropped: dict[str, int] = field(default_factory=lambda: {"limit": 0, "silent": 0, "slow": 0})
    scrapes: int = 0
    last_scrape_seconds: float | None = None


class TlsStatistics(Struct, kw_only=True):
    """What gRPC over TCP has seen; its server keeps the count. Times are seconds since 1970."""

    certificate_until: int | None = None
    client_ca_until: int | None = None
    reload_failures: int = 0
    refused: int = 0


class Scrape(Struct, frozen=True, kw_only=True):
    """All that one scrape is written from, taken at one moment."""

    status: NodeStatus
    series: OOMSeries
    http: HttpStatistics
    tls: TlsStatistics | None = None  # None while gRPC is not served over TCP
    memory: MemoryReport | None = None
    pressure: PressureReport | None = None
    cni: CNIReport | None = None
    network: NetworkReport | None = None
    runtime: RuntimeReport | None = None
    disks: DiskReport | None = None
    blocked: BlockedReport | None = None
    conditions: ConditionSeries = field(default_factory=ConditionSeries)


class Kind(enum.Enum):
    COUNTER = "counter"
    GAUGE = "gauge"


Sample = tuple[tuple[str, ...], float]


class Row(Struct, frozen=True, kw_only=True):
    """One family; `name` without "_total"."""

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Scrape], Iterable[Sample]]


class HistogramRow(Struct, frozen=True, kw_only=True):
    """One family of histograms, in the buckets of agent.model.latency."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Scrape], Iterable[tuple[tuple[str, ...], Latency]]]


def _counter(
    name: str,
    text: str,
    samples: Callable[[Scrape], Iterable[Sample]],
    labels: tuple[str, ...] = (),
) -> Row:
    name = f"nodewitness_{name}"
    return Row(kind=Kind.COUNTER, name=name, help=text, labels=labels, samples=samples)


def _gauge(
    name: str,
    text: str,
    samples: Callable[[Scrape], Iterable[Sample]],
    labels: tuple[str, ...] = (),
) -> Row:
    name = f"nodewitness_{name}"
    return Row(kind=Kind.GAUGE, name=name, help=text, labels=labels, samples=samples)


def _one(value: float | None) -> Iterable[Sample]:
    return () if value is None else (((), value),)


def _each_source(scrape: Scrape, count: Callable[[SourceHealth], int]) -> Iterator[Sample]:
    return (((source.name,), count(source)) for source in scrape.status.sources)


def _source_up(scrape: Scrape) -> Iterator[Sample]:
    for source in scrape.status.sources:
        if source.state is not SourceState.ABSENT:
            yield (source.name,), source.state is SourceState.UP


def _source_absent(scrape: Scrape) -> Iterator[Sample]:
    for source in scrape.status.sources:
        if source.state is SourceState.ABSENT:
            yield (source.name, source.absence.value if source.absence else ""), 1


def _pod_network(scrape: Scrape, field: str) -> Iterable[Sample]:
    return network.counted(scrape.network, field)


def _journal_up(scrape: Scrape) -> Iterable[Sample]:
    state = scrape.status.journal.state
    return _one(None if state == "off" else state == "ok")


def _tls_expiry(scrape: Scrape) -> Iterator[Sample]:
    if scrape.tls is not None and scrape.tls.certificate_until is not None:
        yield ("certificate",), scrape.tls.certificate_until
    if scrape.tls is not None and scrape.tls.client_ca_until is not None:
        yield ("client_ca",), scrape.tls.client_ca_until


def _books_balanced(scrape: Scrape) -> Iterable[Sample]:
    books = scrape.status.oom
    return _one(None if books.counted is None else books.balanced)


ROWS = (
    _counter(
        "oom_incidents",
        "Calls of the kernel's OOM killer, by whose limit fired. Without drills.",
        lambda s: (((level.value,), s.series.incidents.get(level, 0)) for level in LimitLevel),
        labels=("limit",),
    ),
    _counter(
        "oom_system_kills",
        "Processes outside pods that the OOM killer killed, by systemd unit or cgroup.",
        lambda s: (((unit,), kills) for unit, kills in s.series.system_kills.items()),
        labels=("unit",),
    ),
    _counter(
        "oom_kill_repeats",
        "Kills that the kernel counted a second time for the same process.",
        lambda s: _one(s.series.repeats),
    ),
    _counter(
        "oom_kills_unattributed",
        "Kills since the agent first ran on this boot that the kernel counted, and no evidence "
        "says whose.",
        lambda s: _one(s.series.unattributed),
    ),
    _counter(
        "oom_kills_before_start",
        "Kills from before the agent first ran on this boot whose evidence was gone by then.",
        lambda s: _one(s.series.before_start),
    ),
    _counter(
        "oom_drill_kills",
        "Processes killed by drills of nodectl.",
        lambda s: _one(s.series.drill_kills),
    ),
    _counter(
        "oom_claims_disbelieved",
        "Lines in kmsg that claim a kill which the kernel neither wrote nor counted.",
        lambda s: _one(s.series.disbelieved),
    ),
    _counter(
        "runtime_disagreements",
        "Containers of whose end the runtime says otherwise than the kernel.",
        lambda s: (((kind.value,), count) for kind, count in s.series.disagreements.items()),
        labels=("kind",),
    ),
    _counter(
        "oom_kills_counted",
        "The kernel's own count of OOM kills since boot; absent while it cannot be read.",
        lambda s: _one(s.status.oom.counted),
    ),
    _gauge(
        "oom_books_balanced",
        "Whether the kernel's count equals victims, repeats, unattributed and pending kills, none "
        "of which is pending for more than a minute; absent while that count cannot be read.",
        _books_balanced,
    ),
    _gauge(
        "oom_kills_pending",
        "Kills that the kernel counted and whose evidence is still awaited.",
        lambda s: _one(s.status.oom.pending),
    ),
    _counter(
        "oom_series_evicted",
        "Containers whose nodewitness_oom_kills_total was given up, by age or number.",
        lambda s: _one(s.series.series_evicted),
    ),
    _gauge(
        "source_up",
        "Whether a source sees (1) or should see and does not (0); not for sources that the "
        "host does not have.",
        _source_up,
        labels=("source",),
    ),
    _gauge(
        "source_absent",
        "Sources that the host does not have or that are switched off; nothing is broken.",
        _source_absent,
        labels=("source", "absence"),
    ),
    _counter(
        "source_records",
        "Records read from a source.",
        lambda s: _each_source(s, lambda source: source.records),
        labels=("source",),
    ),
    _counter(
        "source_records_lost",
        "Records of a source known to be lost, such as overruns of the kernel's ring.",
        lambda s: _each_source(s, lambda source: source.lost),
        labels=("source",),
    ),
    _counter(
        "events_dropped",
        "Events that never reached the journal's disk, or that slow subscribers missed.",
        lambda s: (
            (("journal",), s.status.journal.dropped),
            (("subscribers",), s.status.usage.subscriber_drops),
        ),
        labels=("queue",),
    ),
    _gauge(
        "journal_up",
        "Whether the journal is written (1) or should be and is not (0); absent where it is off.",
        _journal_up,
    ),
    _gauge("journal_bytes", "Size of the journal.", lambda s: _one(s.status.journal.bytes)),
    _gauge("journal_events", "Events in the journal.", lambda s: _one(s.status.journal.events)),
    _gauge(
        "event_subscribers",
        "Open streams of events (WatchEvents).",
        lambda s: _one(s.status.usage.subscribers),
    ),
    _gauge(
        "abandoned_workers",
        "Reads that hung and were given up, now.",
        lambda s: _one(s.status.usage.abandoned_workers),
    ),
    _gauge(
        "trace_buffer_bytes",
        "Memory of the kernel's trace buffers that the agent owns.",
        lambda s: _one(s.status.usage.trace_buffer_bytes),
    ),
    _gauge(
        "recorder_window_seconds",
        "How far back the flight recorder reaches, the age of its oldest event; absent while it "
        "is empty or off.",
        lambda s: _one(s.status.recorder_window_seconds),
    ),
    _gauge(
        "http_connections",
        "Open connections of the metrics endpoint.",
        lambda s: _one(s.http.connections),
    ),
    _counter(
        "http_connections_dropped",
        "Connections of the metrics endpoint that were turned away or cut, by reason.",
        lambda s: (((reason,), count) for reason, count in s.http.dropped.items()),
        labels=("reason",),
    ),
    _gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When what gRPC over TCP serves with ends: its certificate chain, the CA of its clients.",
        _tls_expiry,
        labels=("file",),
    ),
    _counter(
        "tls_reload_failures",
        "Looks at changed TLS files that found them unusable; the old certificate stays in use.",
        lambda s: _one(None if s.tls is None else s.tls.reload_failures),
    ),
    _counter(
        "tls_clients_refused",
        "Calls over TCP of clients whose certificate names none of serve.tls_clients.",
        lambda s: _one(None if s.tls is None else s.tls.refused),
    ),
    _gauge(
        "condition",
        "Conditions of the catalogue, each over all that it can be about: 1 for the status that it "
        "has. True is bad.",
        lambda s: conditions.of_node(s.conditions),
        labels=("condition", "status"),
    ),
    _gauge(
        "pod_condition",
        "Conditions of pods and containers; 1 while True, else absent.",
        lambda s: conditions.of_pods(s.conditions),
        labels=("namespace", "pod", "container", "condition", "severity"),
    ),
    _gauge(
        "conditions_left_out",
        "Findings without room among the conditions (conditions.max) or in this scrape.",
        lambda s: _one(s.conditions.left_out),
    ),
    _gauge(
        "eviction_available",
        "What is left of each eviction signal of the kubelet, in bytes, inodes or tasks.",
        lambda s: memory.available(s.memory),
        labels=("signal",),
    ),
    _gauge(
        "eviction_capacity",
        "What there is of each eviction signal.",
        lambda s: memory.capacity(s.memory),
        labels=("signal",),
    ),
    _gauge(
        "eviction_threshold",
        "The kubelet evicts while less than this is left.",
        lambda s: memory.thresholds(s.memory),
        labels=("signal", "threshold"),
    ),
    _gauge(
        "eviction_threshold_crossed",
        "Whether less is left than the threshold, now.",
        lambda s: memory.crossed(s.memory),
        labels=("signal", "threshold"),
    ),
    _gauge(
        "eviction_time_left_seconds",
        "Time until the threshold is crossed if all goes on so; absent where no line fits.",
        lambda s: memory.time_left(s.memory),
        labels=("signal", "threshold"),
    ),
    _gauge(
        "memory_available_bytes",
        "memory.available in each form that kubelets compute it in; chosen is this kubelet's.",
        lambda s: memory.memory_available(s.memory),
        labels=("form", "chosen"),
    ),
    _counter(
        "pressure_waiting_seconds",
        "Time in which some task waited for the resource, as node_exporter's "
        "node_pressure_*_waiting_seconds_total.",
        lambda s: pressure.waiting(s.pressure),
        labels=("scope", "resource"),
    ),
    _counter(
        "pressure_stalled_seconds",
        "Time in which all tasks that had work waited for the resource, as node_exporter's "
        "node_pressure_*_stalled_seconds_total.",
        lambda s: pressure.stalled(s.pressure),
        labels=("scope", "resource"),
    ),
    _gauge(
        "pressure_trigger_armed",
        "Whether the kernel wakes the agent when tasks stall; absent where it is switched off.",
        lambda s: pressure.armed(s.pressure),
        labels=("scope", "resource"),
    ),
    _counter(
        "pressure_trigger_fired",
        "Windows in which tasks stalled for longer than pressure.memory, io or cpu.",
        lambda s: pressure.fired(s.pressure),
        labels=("scope", "resource"),
    ),
    _gauge(
        "pressure_episode",
        "Whether an episode of pressure goes on.",
        lambda s: pressure.episodes(s.pressure),
        labels=("scope", "resource"),
    ),
    _counter(
        "cni_calls",
        "Calls of CNI plugins that have ended, by command and result; delegates are left out.",
        lambda s: cni.ended(s.cni),
        labels=("command", "result"),
    ),
    _counter(
        "cni_call_seconds",
        "Time that those calls took together.",
        lambda s: cni.seconds(s.cni),
        labels=("command", "result"),
    ),
    _gauge(
        "cni_calls_running",
        "Calls of CNI plugins in flight; delegates are left out.",
        lambda s: cni.running(s.cni),
    ),
    _gauge(
        "cni_oldest_call_seconds",
        "Age of the oldest call in flight; absent while none is.",
        lambda s: cni.oldest(s.cni),
    ),
    _counter(
        "cni_calls_missed",
        "Executions of CNI plugins that had ended before they could be looked at.",
        lambda s: cni.missed(s.cni),
    ),
    _gauge(
        "cni_network",
        "How pods get their networks: 1 for the state that the node is in.",
        lambda s: cni.network(s.cni),
        labels=("state",),
    ),
    _gauge(
        "pod_networks",
        "Pods by how their interface is joined to the node.",
        lambda s: network.pods(s.network),
        labels=("datapath",),
    ),
    _gauge(
        "pod_networks_broken",
        "Pods by the first step of their network path that is broken.",
        lambda s: network.broken(s.network),
        labels=("step",),
    ),
    _gauge(
        "network_leftovers",
        "Network namespaces, veths and addresses that belong to no sandbox of the runtime.",
        lambda s: network.leftovers(s.network),
        labels=("kind",),
    ),
    _gauge(
        "pod_addresses",
        "Addresses that host-local can give to pods: used, free, and the used ones of the dead.",
        lambda s: network.addresses(s.network),
        labels=("network", "ranges", "use"),
    ),
    *(
        _counter(
            f"pod_network_{name}",
            f"{what}, as the pod's own interface counts.",
            partial(_pod_network, field=field),
            labels=("namespace", "pod"),
        )
        for name, field, what in (
            ("receive_bytes", "rx_bytes", "Bytes received by the pod"),
            ("transmit_bytes", "tx_bytes", "Bytes sent by the pod"),
            ("receive_dropped", "rx_dropped", "Packets to the pod that were dropped"),
            ("transmit_dropped", "tx_dropped", "Packets of the pod that were dropped"),
            ("receive_errors", "rx_errors", "Packets to the pod with errors"),
            ("transmit_errors", "tx_errors", "Packets of the pod with errors"),
        )
    ),
    _counter(
        "pod_tcp_retransmits",
        "TCP segments that the pod had to send again.",
        lambda s: network.retransmits(s.network),
        labels=("namespace", "pod"),
    ),
    _gauge(
        "runtime_rung_failing",
        "1 for the first rung of the container runtime's ladder that does not hold.",
        lambda s: runtime.failing(s.runtime),
        labels=("rung",),
    ),
    _counter(
        "runtime_probe_silences",
        "Deadlines that have passed without an answer of the runtime.",
        lambda s: runtime.silences(s.runtime),
        labels=("rung",),
    ),
    _counter(
        "runtime_probe_failures",
        "Errors of the runtime, and connections that it refused.",
        lambda s: runtime.failures(s.runtime),
        labels=("rung",),
    ),
    _gauge(
        "runtime_socket_pending",
        "Connections that the runtime has not accepted.",
        lambda s: runtime.pending(s.runtime),
    ),
    _gauge(
        "runtime_socket_unread_bytes",
        "Bytes on its connections that the runtime has not read.",
        lambda s: runtime.unread(s.runtime),
    ),
    _counter(
        "runtime_restarts",
        "Processes of the runtime that came after another while the agent ran.",
        lambda s: runtime.restarts(s.runtime),
    ),
    _gauge(
        "runtime_shims",
        "Shims of containerd: those of sandboxes that it knows, and orphans.",
        lambda s: runtime.shims(s.runtime),
        labels=("state",),
    ),
    _gauge(
        "disk_stalled",
        "Whether a block device ends no request, or device-mapper holds back all of them.",
        lambda s: io.stalled(s.disks),
        labels=("device",),
    ),
    _gauge(
        "disk_latency_seconds",
        "Mean time of the requests that ended in the last ten seconds; absent where none did.",
        lambda s: io.latencies(s.disks),
        labels=("device", "op"),
    ),
    _gauge(
        "disk_in_flight",
        "Requests that have not ended.",
        lambda s: io.in_flight(s.disks),
        labels=("device",),
    ),
    _gauge(
        "etcd_disk_latency_seconds",
        "Mean time of a write or flush, whichever takes longer, of the disk that etcd syncs to; "
        "absent where none ended in the last ten seconds.",
        lambda s: io.etcd(s.disks),
        labels=("device", "op"),
    ),
    _gauge(
        "blocked_tasks",
        "Tasks in state D: all, and those that have not run for disks.blocked_after.",
        lambda s: io.tasks(s.blocked),
        labels=("which",),
    ),
    _gauge(
        "blocked_task_oldest_seconds",
        "For how long the longest of those has not run; absent while there is none.",
        lambda s: io.oldest(s.blocked),
    ),
    _counter("scrapes", "Scrapes rendered.", lambda s: _one(s.http.scrapes)),
    _gauge(
        "scrape_duration_seconds",
        "Time that the scrape before this one took to write; absent in the first.",
        lambda s: _one(s.http.last_scrape_seconds),
    ),
)

HISTOGRAMS: tuple[HistogramRow, ...] = (
    HistogramRow(
        name="nodewitness_runtime_probe_duration_seconds",
        help="Time that the runtime took to answer, the answers that came late included.",
        labels=("rung",),
        samples=lambda s: runtime.latencies(s.runtime),
    ),
)
