"""What the agent says of itself and of its node; mirrors proto/agent/api/v1/status.proto."""

from __future__ import annotations

from msgspec import Struct, field

from agent.model.latency import Latency
from agent.model.oom import (
    Disagreement,
    LimitLevel,
    OOMBooks,
    Outcome,
)
from agent.model.protection import Protection
from agent.model.source import SourceHealth


class Identity(Struct, frozen=True, kw_only=True):
    node: str
    boot_id: str
    machine_id: str
    version: str
    pid: int
    started_wall_ns: int
    started_boottime_ns: int


class HostFacts(Struct, frozen=True, kw_only=True):
    kernel_release: str
    cgroup_mode: str  # CgroupMode.value
    cgroup_driver: str  # "cgroupfs", "systemd", "mismatch", or "" while no pod was seen
    containers: int
    pods: int
    memory_bytes: int


class JournalHealth(Struct, frozen=True, kw_only=True):
    state: str  # "ok", "stalled", "full", "failed", "refused", "off"
    detail: str
    since_wall_ns: int
    path: str
    bytes: int
    max_bytes: int
    events: int
    first_sequence: int
    last_sequence: int
    dropped: int
    stream_id: str
    waiting: int = 0  # events that are not on the disk yet


class SelfUsage(Struct, frozen=True, kw_only=True):
    cpu_seconds: float
    resident_bytes: int
    open_fds: int
    trace_buffer_bytes: int
    subscribers: int
    subscriber_drops: int
    abandoned_workers: int
    worker_limit: int = 0  # threads that may be abandoned at most
    loop_lag: Latency = field(default_factory=Latency)  # by which the event loop was late
    loop_lag_max_seconds: float = 0.0  # in the last five minutes
    protections: tuple[Protection, ...] = ()  # from a lack of memory; empty: not taken yet, or off


class NodeStatus(Struct, frozen=True, kw_only=True):
    """One consistent answer to GetStatus; `now` is when it was taken."""

    now_boottime_ns: int
    now_wall_ns: int
    identity: Identity
    host: HostFacts
    sources: tuple[SourceHealth, ...]
    oom: OOMBooks
    journal: JournalHealth
    usage: SelfUsage
    recorder_window_seconds: float | None = None  # how far back it reaches; None: it is empty


class ContainerKills(Struct, frozen=True, kw_only=True):
    """The counters of one container: processes killed, by outcome. All zero while nothing happened
    to it.
    """

    namespace: str
    pod: str
    container: str
    kills: dict[Outcome, int]  # keys: SURVIVED, DIED, UNKNOWN


class OOMSeries(Struct, frozen=True, kw_only=True):
    """Everything that /metrics says about OOM kills; counters of this boot."""

    containers: tuple[ContainerKills, ...] = ()
    series_evicted: int = 0  # containers whose series were given up by age or number
    system_kills: dict[str, int] = field(default_factory=dict)  # by unit, outside pods
    incidents: dict[LimitLevel, int] = field(default_factory=dict)  # without drills
    repeats: int = 0
    unattributed: int = 0  # since the agent first ran on this boot
    before_start: int = 0  # unattributed, and from before that
    drill_kills: int = 0
    disbelieved: int = 0
    disagreements: dict[Disagreement, int] = field(default_factory=dict)  # with the runtime
