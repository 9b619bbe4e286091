"""The kubelet: its process, what its healthz answers, and its configuration."""

from __future__ import annotations

from msgspec import Struct, field

from agent.model.latency import Latency
from agent.model.memory import KubeletFacts
from agent.model.runtime import DaemonProcess, FormerDaemon, RungState

STOPPED = "Tt"


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
