"""Every setting of the agent: its key, its kind, its default and what it means.

A field's name is its key: `serve.socket` is `Settings.serve.socket`. Once loaded, a duration is a
float of seconds, a size an int of bytes, a path a `Path`.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Struct, field

from agent.config.kinds import (
    SUN_PATH_BYTES,
    Address,
    address,
    boolean,
    directories,
    duration,
    integer,
    names,
    path,
    ports,
    size,
    text,
)

DEFAULT_PATH = Path("/etc/nodewitness/config.toml")

_KIB, _MIB, _GIB, _TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


class Host(Struct, frozen=True, kw_only=True):
    """Where the node's own files are; in a container, below a mount such as /host."""

    proc: Annotated[Path, path(), "procfs of the node, of its initial pid namespace"] = Path(
        "/proc"
    )
    sys: Annotated[Path, path(), "sysfs of the node"] = Path("/sys")
    run: Annotated[Path, path(), "the node's /run"] = Path("/run")
    root: Annotated[Path, path(), "the node's root directory"] = Path("/")


class Node(Struct, frozen=True, kw_only=True):
    """Who this node is."""

    name: Annotated[
        str,
        text("a node name: letters, digits, dots and dashes", r"[A-Za-z0-9.-]{0,253}"),
        "the name that Kubernetes knows the node by; empty: the host's name",
    ] = ""
    protect: Annotated[
        bool,
        boolean(),
        "protect the agent itself from a lack of memory: oom_score_adj, and its code locked there",
    ] = True


class State(Struct, frozen=True, kw_only=True):
    """What outlives a restart of the agent."""

    directory: Annotated[Path, path(), "holds the journal; one agent at a time owns it"] = Path(
        "/var/lib/nodewitness"
    )
    max_bytes: Annotated[
        int, size(_MIB, _TIB), "the journal's size; beyond it, the oldest events go"
    ] = 64 * _MIB
    max_age: Annotated[float, duration("1m", "3650d"), "the age at which an event goes"] = 7 * _DAY
    queue: Annotated[
        int, integer(16, 1 << 20), "events that may wait for a slow disk before they are dropped"
    ] = 8192


class Serve(Struct, frozen=True, kw_only=True):
    """Who may ask, and how many."""

    socket: Annotated[Path, path(SUN_PATH_BYTES), "unix socket of the gRPC API and of nodectl"] = (
        Path("/run/nodewitness/agent.sock")
    )
    socket_group: Annotated[
        str,
        text('the name of a group, or "" for none', r"([A-Za-z_][A-Za-z0-9_.-]{0,31})?"),
        "the group that may use the socket, if the node has it; else root alone",
    ] = "nodewitness"
    metrics_address: Annotated[
        Address | None, address(or_all=True), "where /metrics is served; empty: nowhere"
    ] = Address("127.0.0.1", 9754)
    metrics_max_connections: Annotated[
        int, integer(1, 4096), "connections to /metrics at a time; one more is closed at once"
    ] = 16
    metrics_header_timeout: Annotated[
        float, duration("100ms", "5m"), "a client of /metrics that is silent for longer is dropped"
    ] = 5.0
    metrics_tls: Annotated[
        bool,
        boolean(),
        "serve /metrics with TLS, by serve.tls_certificate and serve.tls_key; until those can be"
        " used, nobody gets it",
    ] = False
    metrics_client_ca: Annotated[
        Path | None,
        path(optional=True),
        "PEM file: the CAs whose clients may get /metrics; empty: no client is asked who it is",
    ] = None
    cadvisor_names: Annotated[
        bool,
        boolean(),
        "serve container_oom_events_total and container_memory_events_* too, for alerts that ask"
        " for cAdvisor's names",
    ] = False
    grpc_address: Annotated[
        Address | None,
        address(or_all=True),
        "where the gRPC API is served over TCP, with mutual TLS; empty: nowhere",
    ] = None
    health_address: Annotated[
        Address | None,
        address(or_all=True),
        "where the gRPC health service alone is served in plain text, for the kubelet's probes;"
        " empty: nowhere",
    ] = None
    tls_certificate: Annotated[
        Path | None, path(optional=True), "PEM file: the certificate of this node, then its chain"
    ] = None
    tls_key: Annotated[
        Path | None, path(optional=True), "PEM file: the key of that certificate, not encrypted"
    ] = None
    tls_client_ca: Annotated[
        Path | None, path(optional=True), "PEM file: the CAs whose clients may ask over TCP"
    ] = None
    tls_clients: Annotated[
        tuple[str, ...],
        names(),
        "names of the clients that may ask, by DNS, URI or CN, with * for a part; empty: all of"
        " that CA",
    ] = ()
    subscriber_queue: Annotated[
        int, integer(1, 1 << 20), "events that may wait for a slow subscriber before it gets a gap"
    ] = 1024
    max_subscribers: Annotated[
        int, integer(1, 4096), "subscribers to events at a time, on the socket and over TCP each"
    ] = 64


class Sources(Struct, frozen=True, kw_only=True):
    """What the agent looks at; one that is off is published as unsupported."""

    kmsg: Annotated[bool, boolean(), "read the kernel's log"] = True
    trace: Annotated[bool, boolean(), "use tracepoints, in trace instances of our own"] = True
    probe: Annotated[
        bool, boolean(), "probe the kernel's OOM killer, through the same instances"
    ] = True
    recorder: Annotated[
        str,
        text('"auto", "on" or "off"', r"auto|on|off"),
        "the flight recorder of forks and moves: on, off, or only where the OOM killer cannot be"
        " probed",
    ] = "auto"
    signals: Annotated[
        bool, boolean(), "use the tracepoint of fatal signals, if sources.trace is on"
    ] = True
    connector: Annotated[
        bool, boolean(), "hear how processes end, from the kernel's process connector"
    ] = True
    cni: Annotated[
        bool, boolean(), "use the tracepoint of executed CNI plugins, if sources.trace is on"
    ] = True
    cri: Annotated[bool, boolean(), "ask the container runtime"] = True
    cri_socket: Annotated[Path, path(SUN_PATH_BYTES), "unix socket of the container runtime"] = (
        Path("/run/containerd/containerd.sock")
    )
    cri_timeout: Annotated[
        float, duration("50ms", "1m"), "how long the container runtime may take for an answer"
    ] = 1.0
    bundles: Annotated[
        Path, path(), "OCI bundles of the running containers: names when the runtime is silent"
    ] = Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
    pod_logs: Annotated[
        Path, path(), "log directories of the pods: names when there is no bundle either"
    ] = Path("/var/log/pods")
    trace_buffer_bytes: Annotated[
        int,
        size(64 * _KIB, 4 * _GIB),
        "kernel memory of all trace rings of the node together, all CPUs included",
    ] = 16 * _MIB


class Kubelet(Struct, frozen=True, kw_only=True):
    """Where the kubelet's files are, if they are not where its process says; how it is asked."""

    config: Annotated[
        Path | None,
        path(optional=True),
        "the kubelet's configuration; empty: as its command line says, else the usual places",
    ] = None
    root_directory: Annotated[
        Path | None,
        path(optional=True),
        "its file system is nodefs; empty: the kubelet's --root-dir, else /var/lib/kubelet",
    ] = None
    image_directory: Annotated[
        Path | None,
        path(optional=True),
        "its file system is imagefs; empty: as the runtime says, else /var/lib/containerd",
    ] = None
    healthz_port: Annotated[
        int, integer(0, 65535), "where its healthz is asked; 0: as it says itself, else 10248"
    ] = 0
    healthz_interval: Annotated[
        float, duration("500ms", "10m"), "time between its answer and the next question"
    ] = 5.0
    healthz_deadline: Annotated[
        float, duration("50ms", "1m"), "an answer of its healthz may take so long"
    ] = 5.0


class APIServer(Struct, frozen=True, kw_only=True):
    """What the API server believes of this node; nothing is asked unless it is switched on."""

    read_node: Annotated[
        bool,
        boolean(),
        "read this node's Node object and its lease, and tell where the kernel says otherwise",
    ] = False
    endpoint: Annotated[
        Address | None,
        address(),
        "where it is asked; empty: as KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT say",
    ] = None
    server_name: Annotated[
        str,
        text("a DNS name or an IP address", r"[A-Za-z0-9.:-]{0,253}"),
        "the name that its certificate must have; empty: the address",
    ] = ""
    ca: Annotated[Path, path(), "PEM file: the CAs that its certificate may be of"] = Path(
        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    )
    token: Annotated[Path, path(), "the token that says who asks; read anew for each question"] = (
        Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    )
    client_certificate: Annotated[
        Path | None,
        path(optional=True),
        "PEM file: a certificate, and its key, that says who asks in place of the token",
    ] = None
    interval: Annotated[
        float, duration("1s", "1h"), "time between an answer and the next question"
    ] = 10.0
    deadline: Annotated[float, duration("50ms", "1m"), "an answer may take so long"] = 5.0


class OOM(Struct, frozen=True, kw_only=True):
    """The OOM ledger."""

    outcome_hold: Annotated[
        float,
        duration("0s", "10m"),
        "how long a container must outlive a kill to have survived it",
    ] = 2.0
    settle: Annotated[
        float,
        duration("0s", "10m"),
        "how long a count waits for its evidence before it is unattributed",
    ] = 2.0
    series_retention: Annotated[
        float, duration("0s", "30d"), "how long the counters of a dead container are still served"
    ] = _HOUR
    max_series: Annotated[
        int, integer(1, 1_000_000), "containers with counters at a time, the dead included"
    ] = 2000
    max_incidents: Annotated[int, integer(1, 10_000_000), "incidents that are kept in memory"] = (
        10_000
    )


class Conditions(Struct, frozen=True, kw_only=True):
    """What is wrong, for how long."""

    event_ttl: Annotated[
        float,
        duration("1s", "1d"),
        "how long a condition that comes from an event, such as a kill, holds after it",
    ] = 15 * _MINUTE
    max: Annotated[int, integer(100, 100_000), "conditions at a time"] = 2000


class Pressure(Struct, frozen=True, kw_only=True):
    """When the kernel is to tell of tasks that stall, on the node and in kubepods.

    Memory early, for a stall there comes before the kill and is next to nothing on a healthy node
    (150 ms is the kernel's own example); a disk and a CPU are waited for in healthy work as well.
    """

    memory: Annotated[
        float,
        duration("0s", "10s"),
        "tell when some task stalled so long for memory in one window; 0s: never",
    ] = 0.15
    io: Annotated[float, duration("0s", "10s"), "the same for a disk"] = 0.5
    cpu: Annotated[float, duration("0s", "10s"), "the same for a CPU"] = 0.8
    window: Annotated[
        float,
        duration("500ms", "10s"),
        "the window; without CAP_SYS_RESOURCE it becomes a multiple of 2 s",
    ] = 1.0
    hold: Annotated[
        float, duration("1s", "1h"), "an episode is over when nothing was told for so long"
    ] = 30.0


class CNI(Struct, frozen=True, kw_only=True):
    """The plugins that give pods their networks."""

    conf_dir: Annotated[
        Path | None,
        path(optional=True),
        "where the runtime looks for its CNI configuration; empty: where it says",
    ] = None
    bin_dirs: Annotated[
        tuple[Path, ...],
        directories(optional=True),
        "where the plugins are, and what is executed from there is a call; none: where it says",
    ] = ()
    slow_after: Annotated[float, duration("1s", "1h"), "a call that runs for longer is slow"] = 10.0
    stalled_after: Annotated[
        float,
        duration("1s", "1h"),
        "a call that runs for longer is stalled; so long without any success, the network is",
    ] = 30.0


class Network(Struct, frozen=True, kw_only=True):
    """The networks of pods."""

    interval: Annotated[
        float, duration("1s", "10m"), "time between two looks at all network namespaces"
    ] = 10.0
    leak_grace: Annotated[
        float,
        duration("1s", "24h"),
        "what nobody has used for so long, and the runtime does not know, is a leftover",
    ] = 300.0  # a kubelet waits 4 min for a sandbox, and the runtime lists none that it still makes
    event_buffer_bytes: Annotated[
        int,
        size(4 * _KIB, 64 * _MIB),
        "room for changes of interfaces that wait to be read; the kernel takes twice as much",
    ] = _MIB


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The connections that the node's heartbeat goes over, and those that the API server makes."""

    kubelet_names: Annotated[
        tuple[str, ...], names(), "processes of these names, in no pod, are the kubelet"
    ] = ("kubelet",)
    apiserver_names: Annotated[
        tuple[str, ...],
        names(),
        "processes of these names, in no pod or in one of kube-system, are the API server",
    ] = ("kube-apiserver",)
    api_ports: Annotated[
        tuple[int, ...], ports(), "where the API server and what balances it listen"
    ] = (443, 6443)
    stalled_after: Annotated[
        float,
        duration("1s", "1h"),
        "a connection that gets nothing across, or a dial that gets no answer, for longer stalls",
    ] = 10.0


class Runtime(Struct, frozen=True, kw_only=True):
    """How long each rung of the container runtime's ladder may take before it counts as silent."""

    interval: Annotated[
        float, duration("500ms", "10m"), "time between the end of a probe and the next one"
    ] = 5.0
    version_deadline: Annotated[
        float, duration("50ms", "1m"), "Version, which touches neither a disk nor a container"
    ] = 3.0
    status_deadline: Annotated[float, duration("50ms", "1m"), "Status"] = 5.0
    list_deadline: Annotated[float, duration("50ms", "1m"), "ListPodSandbox"] = 10.0
    pull_stalled_after: Annotated[
        float, duration("1s", "1h"), "an image pull that gets no further for longer is stalled"
    ] = 30.0
    creation_stalled_after: Annotated[
        float,
        duration("1s", "24h"),
        "a pod's sandbox or a container that takes longer from its begin until it runs is stalled",
    ] = 2 * _MINUTE


class Disks(Struct, frozen=True, kw_only=True):
    """Disks that do not answer, and tasks that wait for them."""

    stalled_after: Annotated[
        float,
        duration("1s", "1h"),
        "a block device that has had requests for longer and has ended none is stalled",
    ] = 10.0
    blocked_after: Annotated[
        float, duration("1s", "1h"), "a task that has been in state D for longer is blocked"
    ] = 10.0


class Tick(Struct, frozen=True, kw_only=True):
    """The rhythm."""

    interval: Annotated[
        float, duration("100ms", "5m"), "time between two looks at the node's own figures"
    ] = 1.0


class Sweep(Struct, frozen=True, kw_only=True):
    """What containers use."""

    interval: Annotated[
        float,
        duration("100ms", "5m"),
        "time between two sweeps of all cgroups of pods, containers and services",
    ] = 1.0


class Settings(Struct, frozen=True, kw_only=True):
    """All settings; `Settings()` is the default of each."""

    host: Host = field(default_factory=Host)
    node: Node = field(default_factory=Node)
    state: State = field(default_factory=State)
    serve: Serve = field(default_factory=Serve)
    sources: Sources = field(default_factory=Sources)
    kubelet: Kubelet = field(default_factory=Kubelet)
    api_server: APIServer = field(default_factory=APIServer)
    oom: OOM = field(default_factory=OOM)
    conditions: Conditions = field(default_factory=Conditions)
    pressure: Pressure = field(default_factory=Pressure)
    cni: CNI = field(default_factory=CNI)
    network: Network = field(default_factory=Network)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    runtime: Runtime = field(default_factory=Runtime)
    disks: Disks = field(default_factory=Disks)
    tick: Tick = field(default_factory=Tick)
    sweep: Sweep = field(default_factory=Sweep)
