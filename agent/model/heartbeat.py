"""The paths of the heartbeat: TCP connections of the kubelet and of the API server, and whom they
dial in vain.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.absence import Absence
from agent.model.oom import Container

ANSWER_SECONDS = 35.0
"""A client of Kubernetes sends a ping after 30 s without an answer, and hangs up after 45."""


class Role(enum.Enum):
    """Which of the two a process is."""

    KUBELET = "kubelet"
    API_SERVER = "kube-apiserver"


class Trouble(enum.Enum):
    """What is wrong with a connection."""

    UNACKNOWLEDGED = "unacknowledged"  # what was sent is sent again and again
    WINDOW_CLOSED = "window closed"  # the peer takes no more, and does not say that it does
    UNANSWERED = "unanswered"  # what was sent is acknowledged, and nothing has come back yet
    DIALLING = "dialling"  # nobody answers the SYN


class Caller(Struct, frozen=True, kw_only=True):
    """A process whose connections are looked at."""

    role: Role
    pid: int
    start_boottime_ns: int
    comm: str
    cgroup: str
    unit: str = ""
    names: Container | None = None  # of the pod's container that it is in

    @property
    def who(self) -> str:
        """ "kubelet[812]"."""
        return f"{self.comm}[{self.pid}]"


class Connection(Struct, frozen=True, kw_only=True):
    """One socket of it, as the kernel has it now."""

    cookie: int  # of no other socket of this boot
    local: str
    remote: str  # "10.0.0.1:6443"
    dialling: bool  # SYN-SENT; else ESTABLISHED
    retransmits: int  # in a row
    probes: int  # of a closed window, in a row
    backoff: int
    rto_seconds: float
    unacked: int  # segments
    queued_bytes: int  # not acknowledged, unsent ones included
    since_sent_seconds: float  # data, retransmits included
    since_received_seconds: float  # data
    since_acked_seconds: float
    rtt_seconds: float
    total_retransmits: int
    unread_bytes: int = 0  # that have come, and that the process has not read


class Watched(Struct, frozen=True, kw_only=True):
    """A connection, and what is wrong with it."""

    connection: Connection
    connected_boottime_ns: int  # when it was first seen to be connected; 0: it is not yet
    trouble: Trouble | None = None
    since_boottime_ns: int = 0  # for so long it has been so at least

    @property
    def silent(self) -> bool:
        """Not even a ping of HTTP/2 has been answered."""
        return self.connection.since_received_seconds >= ANSWER_SECONDS


class Destination(Struct, frozen=True, kw_only=True):
    """An address that was dialled in vain, and has not answered since."""

    remote: str
    first_boottime_ns: int  # the first dial that failed, or has got no answer yet
    last_boottime_ns: int
    unanswered: int = 0  # dials without an answer, those that are under way included
    refused: int = 0
    dialling: int = 0  # under way
    refuses: bool = False  # the last one that failed was refused

    @property
    def lasted_ns(self) -> int:
        """Between the first and the last that is known of it."""
        return self.last_boottime_ns - self.first_boottime_ns

    @property
    def failures(self) -> int:
        return self.unanswered + self.refused


class Calls(Struct, frozen=True, kw_only=True):
    """One caller, and what it has."""

    caller: Caller
    connections: tuple[Watched, ...] = ()  # the longest in trouble first
    failing: tuple[Destination, ...] = ()  # those with most failures first
    more: int = 0  # connections that are left out
    absent: str = ""  # why its connections are not known
    absence: Absence | None = None  # what kind of reason that is


class HeartbeatReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    stalled_after_seconds: float
    calls: tuple[Calls, ...] = ()
    refusals_absent: str = ""  # why refused dials are not told

    def seconds(self, since_boottime_ns: int) -> float:
        """How long ago that was."""
        return max(0, self.boottime_ns - since_boottime_ns) / 1e9

    def stalled(self, calls: Calls) -> tuple[Watched, ...]:
        """Its connections that have been in trouble for too long."""
        return tuple(
            each
            for each in calls.connections
            if each.trouble not in (None, Trouble.DIALLING)
            and self.seconds(each.since_boottime_ns) >= self.stalled_after_seconds
            and (each.trouble is not Trouble.UNANSWERED or each.silent)
        )

    def unreachable(self, calls: Calls) -> tuple[Destination, ...]:
        """Where it has dialled in vain for too long; one refusal alone is none, nor is one dial
        that was given up early.
        """
        limit = int(self.stalled_after_seconds * 1e9)
        return tuple(
            each
            for each in calls.failing
            if self.seconds(each.first_boottime_ns) >= self.stalled_after_seconds
            and (
                each.dialling
                or each.failures > 1
                or (each.unanswered > 0 and each.lasted_ns >= limit)
            )
        )
