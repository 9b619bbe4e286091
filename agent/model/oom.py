"""One call of the kernel's OOM killer, as far as it is proven. Mirrors
proto/agent/api/v1/oom.proto.
"""

from __future__ import annotations

import enum

from msgspec import Struct


class Witness(enum.Enum):
    VMSTAT = "vmstat"
    MEMORY_EVENTS = "memory.events"
    KMSG = "kmsg"
    TRACE = "trace"
    EXIT = "exit"  # the process connector saw it die of SIGKILL


class Attribution(enum.Enum):
    """How the victim's cgroup became known; the order is the order of trust."""

    NONE = "none"
    PROBE = "probe"
    PROC = "proc"
    KMSG_HEADER = "kmsg-header"
    KMSG_GROUP = "kmsg-group"
    RECORDER = "recorder"
    SCAN = "scan"
    COUNTER = "counter"


class Confidence(enum.Enum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class LimitLevel(enum.Enum):
    UNKNOWN = "unknown"
    CONTAINER = "container"
    POD = "pod"
    QOS = "qos"
    KUBEPODS = "kubepods"
    NESTED = "nested"
    SYSTEM = "system"
    NODE = "node"


class Outcome(enum.Enum):
    OPEN = "open"  # the hold has not ended
    SURVIVED = "survived"
    DIED = "died"
    UNKNOWN = "unknown"


class Truth(enum.Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Disagreement(enum.Enum):
    """How the runtime's last word on a container contradicts the kernel. NONE also while either is
    not known: what is not proven is not claimed.
    """

    NONE = "none"
    KILL_NOT_REPORTED = "kill-not-reported"
    REPORTED_WITHOUT_DEATH = "reported-without-death"
    KERNEL_COUNTED_NONE = "kernel-counted-none"  # an event of its own: no incident has it


class ExitTeller(enum.Enum):
    """Who told how a container ended."""

    KERNEL = "kernel"  # the process connector, of the container's init
    RUNTIME = "runtime"  # its record


class ContainerExit(Struct, frozen=True, kw_only=True):
    """How the init of a container ended. None: not told."""

    exit_code: int | None  # 0..255; the runtime writes 128 + signal for a signal
    signal: int | None  # the signal that killed it; only the kernel tells it from exit(128 + n)
    wall_ns: int | None  # when, nanoseconds since 1970
    told_by: ExitTeller


class Victim(Struct, frozen=True, kw_only=True):
    """A process that the OOM killer killed. None: no witness told."""

    pid: int | None = None
    namespace_pid: int | None = None
    start_boottime_ns: int | None = None
    comm: str = ""
    uid: int | None = None
    oom_score_adj: int | None = None
    total_vm_bytes: int | None = None
    anon_rss_bytes: int | None = None
    file_rss_bytes: int | None = None
    shmem_rss_bytes: int | None = None
    page_tables_bytes: int | None = None
    container_init: Truth = Truth.UNKNOWN
    cgroup: str = ""
    attribution: Attribution = Attribution.NONE
    witnesses: tuple[Witness, ...] = ()
    kmsg_sequence: int | None = None
    repeats: int = 0


class Container(Struct, frozen=True, kw_only=True):
    """Who the victim was for Kubernetes. Empty strings are unknown names."""

    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    name: str = ""
    id: str = ""
    names_from: str = ""  # "cri", "bundle", "pod-logs" or "cgroup"

    @property
    def pod_named(self) -> bool:
        """Whether it is known which pod this is."""
        return bool(self.namespace and self.pod)


class OOMIncident(Struct, frozen=True, kw_only=True):
    """One record of the ledger; see the proto for each field's meaning and unit."""

    id: str
    boot_id: str
    revision: int
    boottime_ns: int
    wall_ns: int
    constraint: str = ""
    limit_level: LimitLevel = LimitLevel.UNKNOWN
    limit_cgroup: str = ""
    limit_bytes: int | None = None
    trigger_comm: str = ""
    victims: tuple[Victim, ...] = ()
    container: Container | None = None
    unit: str = ""
    group_kill: bool = False
    outcome: Outcome = Outcome.OPEN
    hidden: Truth = Truth.UNKNOWN
    runtime_says: str = ""
    container_exit: ContainerExit | None = None
    disagreement: Disagreement = Disagreement.NONE
    confidence: Confidence = Confidence.LOW
    drill: bool = False
    unattributed: bool = False
    counted: int = 0
    moved_from: tuple[str, ...] = ()  # for each kill that was booked on another incident first


class OOMCounter(enum.Enum):
    """A counter of /metrics whose sums the journal keeps, and what `label` is in it."""

    KILLS = "kills"  # of a container: the outcome
    SYSTEM = "system"  # outside pods: the unit
    INCIDENTS = "incidents"  # the limit that fired
    DRILLS = "drills"
    DISAGREEMENTS = "disagreements"  # their kind
    TAKEN_BACK = "taken-back"  # counts that were unattributed once: the field of OOMBooks
    WAITING = "waiting"  # for its names; is in none of the others yet: the incident's id


class OOMSum(Struct, frozen=True, kw_only=True):
    """Which sum."""

    counter: OOMCounter
    namespace: str = ""
    pod: str = ""
    container: str = ""
    label: str = ""


class OOMCount(Struct, frozen=True, kw_only=True):
    """So many of a sum, or so many more of them."""

    sum: OOMSum
    count: int


class OOMBooks(Struct, frozen=True, kw_only=True):
    """counted = victims + repeats + unattributed + pending, and nothing is overdue. counted is None
    while vmstat cannot be read.
    """

    counted: int | None
    victims: int
    repeats: int
    unattributed: int
    unattributed_before_start: int
    pending: int
    drill_victims: int
    settle_seconds: float
    disbelieved: int = 0  # lines that claimed a kill which the kernel neither wrote nor counted
    overdue: int = 0  # of the pending: should have been settled, or given up, long ago

    @property
    def balanced(self) -> bool:
        """Whether the kernel's count and ours agree; False while the kernel's count is unknown, and
        when a kill is left pending.
        """
        sides = self.victims + self.repeats + self.unattributed + self.pending
        return self.counted == sides and not self.overdue
