"""The container runtime: the rungs of its ladder, its socket in the kernel, its process, its shims.

A rung is asked only once all rungs before it have answered, and one probe climbs at a time: of a
runtime that is silent, the rung that it is silent on is what has failed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.afterlife import Task
from agent.model.creation import Creation
from agent.model.latency import Latency
from agent.model.oom import Container


class Rung(enum.Enum):
    SOCKET = "socket"  # the file of the socket is there
    CONNECT = "connect"
    VERSION = "version"
    STATUS = "status"
    LIST = "list"  # ListPodSandbox

    @property
    def call(self) -> str:
        """Its name for people."""
        return {Rung.VERSION: "Version", Rung.STATUS: "Status", Rung.LIST: "ListPodSandbox"}.get(
            self, self.value
        )


class RungState(enum.Enum):
    UNTRIED = "untried"  # not asked yet, or a rung before it fails
    OK = "ok"
    SILENT = "silent"  # asked, and its deadline has passed without an answer
    FAILED = "failed"  # it answered with an error

    @property
    def broken(self) -> bool:
        return self in (RungState.SILENT, RungState.FAILED)


class Step(Struct, frozen=True, kw_only=True):
    """One rung, as it stands."""

    rung: Rung
    state: RungState = RungState.UNTRIED
    deadline_seconds: float
    seconds: float | None = None  # that its last answer took, or that it has been silent for
    detail: str = ""  # the error
    latency: Latency = field(default_factory=Latency)  # of all answers, the late ones too
    silences: int = 0  # how often a deadline has passed without an answer
    failures: int = 0  # errors


class SocketQueues(Struct, frozen=True, kw_only=True):
    """The runtime's socket as the kernel has it (sock_diag)."""

    pending: int  # connections that the runtime has not accepted
    backlog: int  # so many may wait
    connections: int  # that it has accepted
    unread_connections: int  # of these, with bytes that it has not read
    unread_bytes: int


class ProcessKey(Struct, frozen=True, kw_only=True):
    pid: int
    start_boottime_ns: int


STOPPED = "Tt"
"""The states of a process that is stopped, or traced."""


class DaemonProcess(Struct, frozen=True, kw_only=True):
    """The process that listens. comm is what it calls itself."""

    key: ProcessKey
    comm: str
    state: str  # one letter, of its first thread
    threads: int
    resident_bytes: int
    blocked: tuple[Task, ...] = ()  # threads in state D
    blkio_delay_seconds: float | None = None  # its threads waited for block io; None: not known
    unit: str = ""


class FormerDaemon(Struct, frozen=True, kw_only=True):
    """A process that was the runtime, and has ended."""

    key: ProcessKey
    comm: str
    seen_boottime_ns: int  # when it was first missed
    signal: int | None = None  # that killed it
    exit_code: int | None = None
    oom_killed: bool = False
    killer: str = ""  # who sent the signal: "sh[812]"; empty: not known

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.oom_killed:
            return "the kernel OOM-killed it"
        if self.signal is not None:
            return f"signal {self.signal} killed it" + (
                f", by {self.killer}" if self.killer else ""
            )
        if self.exit_code is not None:
            return f"it exited with code {self.exit_code}"
        return "it has ended; how is not known"


class Shim(Struct, frozen=True, kw_only=True):
    """One process that holds the containers of a sandbox."""

    key: ProcessKey
    state: str
    namespace: str = ""  # of containerd: "k8s.io"; empty: not read
    sandbox_id: str = ""
    orphan: bool = False  # two whole answers of the runtime did not know its sandbox
    unread: str = ""  # why its command line is not known
    pod: Container | None = None  # that it serves; None: not known
    blocked: tuple[Task, ...] = ()  # threads that have been in state D for disks.blocked_after


class RuntimeReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    socket: str
    steps: tuple[Step, ...] = ()
    absent: str = ""  # why there is nothing to ask: this node has no runtime, or it is switched off
    name: str = ""  # "containerd"
    version: str = ""
    conditions: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    """RuntimeReady and NetworkReady as its last Status had them, with reason and message."""
    sandboxes: int | None = None  # in its last list
    queues: SocketQueues | None = None
    queues_absent: str = ""  # why they are not known
    process: DaemonProcess | None = None  # None: none is known, or the last one has ended
    former: FormerDaemon | None = None  # the last one that has ended while we looked
    restarts: int = 0  # while we looked
    shims: tuple[Shim, ...] | None = None  # None: not looked for yet
    blocked_known: bool = False  # which threads of the node are in state D
    creations: tuple[Creation, ...] = ()  # sandboxes and containers in the making, oldest first
    creation_stalled_after_seconds: float = 0.0

    @property
    def failing(self) -> Step | None:
        """The first rung that does not hold; None: all that were asked do."""
        return next((step for step in self.steps if step.state.broken), None)

    def stalled(self, creation: Creation) -> bool:
        """Whether it takes too long."""
        took = self.boottime_ns - creation.begun_boottime_ns
        return took >= self.creation_stalled_after_seconds * 1e9

    def step(self, rung: Rung) -> Step | None:
        return next((step for step in self.steps if step.rung is rung), None)
