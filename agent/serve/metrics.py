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
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport
from agent.model.latency import Latency
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.oom import LimitLevel
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.pulls import PullReport
from agent.model.runtime import RuntimeReport
from agent.model.source import SourceHealth, SourceState
from agent.model.status import NodeStatus, OOMSeries
from agent.serve import (
    cni,
    conditions,
    cpu,
    heartbeat,
    io,
    kubelet,
    memory,
    network,
    plumbing,
    pressure,
    pulls,
    runtime,
)
from agent.serve.conditions import ConditionSeries
from agent.serve.exposition import Counter

KILLS = Counter(
    name="nodewitness_oom_kills",
    help="Processes of a container that the kernel's OOM killer killed, by what became of the "
    "container. Starts at 0 while the container lives. Without drills.",
)


_DROPPED = {"limit": 0, "silent": 0, "slow": 0, "handshake": 0}


class HttpStatistics(Struct, kw_only=True):
    """What the metrics endpoint itself has done; its server and its pages keep the count."""

    connections: int = 0  # open now
    dropped: dict[str, int] = field(default_factory=lambda: dict(_DROPPED))
    scrapes: int = 0
    last_scrape_seconds: float | None = None


class TlsStatistics(Struct, kw_only=True):
    """What one endpoint with TLS has seen; its server keeps the count. Times are seconds since
    1970.
    """

    endpoint: str  # "grpc" or "metrics"
    certificate_until: int | None = None
    client_ca_until: int | None = None
    reload_failures: int = 0
    refused: int = 0


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
    pulls: PullReport | None = None
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
    for each in scrape.tls:
        if each.certificate_until is not None:
            yield (each.endpoint, "certificate"), each.certificate_until
        if each.client_ca_until is not None:
            yield (each.endpoint, "client_ca"), each.client_ca_until


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
        "journal_waiting_events",
        "Events that wait for the journal's disk: lost to it if the agent ends before.",
        lambda s: _one(s.status.journal.waiting),
    ),
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
        "worker_limit",
        "Threads for such reads, at most: what nodewitness_abandoned_workers cannot exceed.",
        lambda s: _one(s.status.usage.worker_limit),
    ),
    _gauge(
        "loop_lag_max_seconds",
        "By how much the agent's event loop was late at most, in the last five minutes.",
        lambda s: _one(s.status.usage.loop_lag_max_seconds),
    ),
    _gauge(
        "protected",
        "Whether the agent has got this protection from a lack of memory (1) or was refused it.",
        lambda s: (((each.name,), each.got) for each in s.status.usage.protections),
        labels=("means",),
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
        "When what an endpoint serves with ends: its certificate chain, the CA of its clients.",
        _tls_expiry,
        labels=("endpoint", "file"),
    ),
    _counter(
        "tls_reload_failures",
        "Looks at changed TLS files that found them unusable; the old certificate stays in use.",
        lambda s: (((each.endpoint,), each.reload_failures) for each in s.tls),
        labels=("endpoint",),
    ),
    _counter(
        "tls_clients_refused",
        "Calls over TCP of clients whose certificate names none of serve.tls_clients.",
        lambda s: (((), each.refused) for each in s.tls if each.endpoint == "grpc"),
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
        "Shims of containerd: of sandboxes that it knows, orphans, and blocked ones of both.",
        lambda s: runtime.shims(s.runtime),
        labels=("state",),
    ),
    _gauge(
        "image_pulls_in_progress",
        "Blobs of images that containerd downloads, writes out or unpacks.",
        lambda s: pulls.in_progress(s.pulls),
        labels=("phase",),
    ),
    _gauge(
        "image_pulls_stalled",
        "Those of them that have got no further for runtime.pull_stalled_after.",
        lambda s: pulls.stalled(s.pulls),
    ),
    _gauge(
        "image_pulls_written_bytes",
        "What is written so far of blobs that are being downloaded.",
        lambda s: pulls.written(s.pulls),
    ),
    _gauge(
        "image_pulls_oldest_seconds",
        "How long ago the oldest pull in progress began; 0 if there is none.",
        lambda s: pulls.oldest(s.pulls),
    ),
    _counter(
        "image_pulls_ended",
        "Blobs that containerd pulls no more, by what became of them. One that is pulled between "
        "two looks is not seen.",
        lambda s: pulls.ends(s.pulls),
        labels=("outcome",),
    ),
    _gauge(
        "heartbeat_connections",
        "Connections of the kubelet to the API server, and those that the API server made: all, "
        "and those that get nothing across for heartbeat.stalled_after.",
        lambda s: heartbeat.connections(s.heartbeat),
        labels=("process", "which"),
    ),
    _gauge(
        "heartbeat_unreachable",
        "Addresses that the process has dialled in vain for heartbeat.stalled_after.",
        lambda s: heartbeat.unreachable(s.heartbeat),
        labels=("process",),
    ),
    _gauge(
        "kubelet_up",
        "Whether the kubelet's process lives, is not stopped, and its healthz answers; absent on "
        "nodes without one.",
        lambda s: kubelet.well(s.kubelet),
    ),
    _counter(
        "kubelet_healthz_silences",
        "Deadlines that have passed without an answer of its healthz.",
        lambda s: kubelet.silences(s.kubelet),
    ),
    _counter(
        "kubelet_healthz_failures",
        "Answers of its healthz that were not 200, and connections that it refused.",
        lambda s: kubelet.failures(s.kubelet),
    ),
    _counter(
        "kubelet_restarts",
        "Processes of the kubelet that came after another while the agent ran.",
        lambda s: kubelet.restarts(s.kubelet),
    ),
    _gauge(
        "cpu_share_ratio",
        "Where the time of all CPUs together went in the last ten seconds; steal is what the "
        "hypervisor gave to others.",
        lambda s: cpu.shares(s.cpu),
        labels=("mode",),
    ),
    _gauge(
        "cpu_runnable_tasks",
        "Tasks on a CPU or waiting for one, on average of the last ten seconds.",
        lambda s: cpu.runnable(s.cpu),
    ),
    _gauge("cpus_online", "CPUs that are online.", lambda s: cpu.online(s.cpu)),
    _gauge(
        "cpu_softirq_busiest_ratio",
        "Share of its time that the CPU with the most soft interrupts spent in them.",
        lambda s: cpu.busiest(s.cpu),
    ),
    _gauge(
        "conntrack_entries",
        "Connections that the host's network namespace tracks.",
        lambda s: plumbing.conntrack(s.plumbing, "entries"),
    ),
    _gauge(
        "conntrack_limit",
        "Connections that it can track (net.netfilter.nf_conntrack_max).",
        lambda s: plumbing.conntrack(s.plumbing, "limit"),
    ),
    _counter(
        "conntrack_events",
        "Packets dropped for want of an entry, inserts that failed, entries thrown out early.",
        lambda s: plumbing.conntrack_events(s.plumbing),
        labels=("event",),
    ),
    _counter(
        "softnet_processed",
        "Packets that the CPUs have taken from network devices.",
        lambda s: plumbing.softnet(s.plumbing, "processed"),
    ),
    _counter(
        "softnet_dropped",
        "Packets that were dropped because a CPU's backlog was full.",
        lambda s: plumbing.softnet(s.plumbing, "dropped"),
    ),
    _counter(
        "softnet_squeezed",
        "Times that a CPU had more packets than it may take at once.",
        lambda s: plumbing.softnet(s.plumbing, "squeezed"),
    ),
    _gauge(
        "neighbour_entries",
        "Entries of the tables of neighbours, which all network namespaces share.",
        lambda s: plumbing.neighbours(s.plumbing, "entries"),
        labels=("version",),
    ),
    _gauge(
        "neighbour_limit",
        "Entries that they can hold (gc_thresh3).",
        lambda s: plumbing.neighbours(s.plumbing, "limit"),
        labels=("version",),
    ),
    _counter(
        "neighbour_table_fulls",
        "Times that no entry could be made because the table was full.",
        lambda s: plumbing.neighbours(s.plumbing, "table_fulls"),
        labels=("version",),
    ),
    _gauge(
        "overlay_up",
        "Whether a device that carries packets to other nodes, and was up before, is up.",
        lambda s: plumbing.overlays(s.plumbing),
        labels=("device", "kind"),
    ),
    _gauge(
        "routes",
        "Routes of the host by the protocol that has made them.",
        lambda s: plumbing.routes(s.plumbing),
        labels=("version", "protocol"),
    ),
    _gauge(
        "local_ports",
        "Local ports for connections of the host: all, and those that one peer has taken; 0 while "
        "there are few sockets.",
        lambda s: plumbing.ports(s.plumbing),
        labels=("which",),
    ),
    _gauge(
        "rule_program_oldest_seconds",
        "Age of the oldest program that changes the packet filter; absent while there is none.",
        lambda s: plumbing.tool_oldest(s.plumbing),
    ),
    _gauge(
        "packet_filter_entries",
        "How large a table of the packet filter is: of nftables rules and jumps to chains, of "
        "iptables-legacy rules and heads of chains.",
        lambda s: plumbing.rules(s.plumbing),
        labels=("backend", "family", "table"),
    ),
    _counter(
        "nftables_commits",
        "Changes of nftables since the agent started.",
        lambda s: plumbing.changes(s.plumbing),
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
    HistogramRow(
        name="nodewitness_kubelet_healthz_duration_seconds",
        help="Time that the kubelet's healthz took to answer, the answers that came late included.",
        labels=(),
        samples=lambda s: kubelet.latencies(s.kubelet),
    ),
    HistogramRow(
        name="nodewitness_loop_lag_seconds",
        help="By how much the agent's event loop was late for a timer: nothing is detected or "
        "answered meanwhile.",
        labels=(),
        samples=lambda s: (((), s.status.usage.loop_lag),),
    ),
)
