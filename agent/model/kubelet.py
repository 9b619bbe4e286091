"""The kubelet: its process, what its healthz answers, its configuration, and what the API server
believes of its node.
"""

from __future__ import annotations

import enum

from msgspec import Struct, field

from agent.model.latency import Latency
from agent.model.memory import KubeletFacts
from agent.model.runtime import STOPPED, DaemonProcess, FormerDaemon, RungState


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """What it said."""

    status: int  # of HTTP
    text: str  # "ok", or the checks that fail

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300


class Healthz(Struct, frozen=True, kw_only=True):
    """The one question that is asked, as it stands."""

    address: str  # "127.0.0.1:10248"
    state: RungState = RungState.UNTRIED
    deadline_seconds: float
    seconds: float | None = None  # that its last answer took, or that it has been silent for
    status: int | None = None  # of its last answer; None: there was none, or no connection
    detail: str = ""  # the answer, or the error
    latency: Latency = field(default_factory=Latency)  # of all answers, the late ones too
    silences: int = 0  # how often a deadline has passed without an answer
    failures: int = 0  # refusals, and answers that were not 200


class NodeStatus(enum.Enum):
    """The status of a condition of the Node object, which is no verdict: Ready is good, the others
    are bad.
    """

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"  # the API server has not heard of the node for long


class NodeCondition(Struct, frozen=True, kw_only=True):
    """One of NODE_CONDITIONS, as the API server has it."""

    type: str
    status: NodeStatus
    reason: str = ""
    message: str = ""
    heartbeat_wall_ns: int | None = None  # when the kubelet last said so
    transition_wall_ns: int | None = None  # when the status became what it is


READY, MEMORY_PRESSURE, DISK_PRESSURE = "Ready", "MemoryPressure", "DiskPressure"
PID_PRESSURE, NETWORK_UNAVAILABLE = "PIDPressure", "NetworkUnavailable"
NODE_CONDITIONS = (READY, MEMORY_PRESSURE, DISK_PRESSURE, PID_PRESSURE, NETWORK_UNAVAILABLE)
"""Those of Kubernetes itself; what others add is not looked at."""


class NodeObject(Struct, frozen=True, kw_only=True):
    """What status.conditions of the Node object says."""

    name: str
    conditions: tuple[NodeCondition, ...]  # in the order of NODE_CONDITIONS


class NodeLease(Struct, frozen=True, kw_only=True):
    """The node's lease, which the kubelet renews every ten seconds: its heartbeat."""

    renewed_wall_ns: int | None  # by the kubelet's clock; None: never
    seconds: float | None  # that it is good for


class NodeBelief(Struct, frozen=True, kw_only=True):
    """What the API server believes of this node, as of one question."""

    boottime_ns: int  # when it was asked
    wall_ns: int
    address: str  # who was asked
    node: NodeObject
    lease: NodeLease | None = None  # None: it could not be read
    lease_problem: str = ""  # why not

    def condition(self, kind: str) -> NodeCondition | None:
        """The condition of this type, if the object has it."""
        return next((each for each in self.node.conditions if each.type == kind), None)


class KubeletReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    absent: str = ""  # why there is nothing to judge: this node has no kubelet
    process: DaemonProcess | None = None  # None: none is known, or the last one has ended
    former: FormerDaemon | None = None  # the last one that has ended while we looked
    restarts: int = 0  # while we looked
    healthz: Healthz | None = None  # None: switched off
    healthz_off: str = ""  # why
    facts: KubeletFacts = field(default_factory=KubeletFacts)
    throttled_ratio: float | None = None  # of its periods; None: not known
    cpu_waiting: float | None = None  # share of the time in which it waited for a CPU
    belief: NodeBelief | None = None  # of the API server; None: not asked, or not known now
    belief_unknown: str = ""  # why it is not known; empty: it is, or nobody is to ask

    @property
    def failing(self) -> bool:
        """Whether it does not do its work."""
        state = RungState.UNTRIED if self.healthz is None else self.healthz.state
        if self.absent:
            return False
        if self.process is None:  # one that answers lives in a process of another name
            return state is not RungState.OK
        return self.process.state in STOPPED or (state.broken and not self.starting)

    @property
    def starting(self) -> bool:
        """Whether it is so young that it need not listen yet."""
        process, healthz = self.process, self.healthz
        if process is None or healthz is None or healthz.state is not RungState.FAILED:
            return False
        young = self.boottime_ns - process.key.start_boottime_ns < START_SECONDS * 1e9
        return young and healthz.status is None


START_SECONDS = 60.0
"""It listens once it has reached the runtime and the API server, or given up."""
