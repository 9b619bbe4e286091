"""Blobs of images that containerd downloads, writes out or unpacks, and what holds one up.

The kernel shows files, not images: a blob is a layer, a configuration or a manifest, known by its
digest. An image's name is in containerd's own database until all of it is there.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.disks import DiskState, Op
from agent.model.heartbeat import Connection
from agent.model.oom import Container

SLOW_SECONDS = 0.1
"""A request of the disk takes so long on average."""


class Phase(enum.Enum):
    """What containerd does with a blob."""

    DOWNLOAD = "downloading"
    COMMIT = "committing"  # all of it has come, and is not yet on the disk (fsync)
    UNPACK = "unpacking"  # it reads the blob


class Cause(enum.Enum):
    """Why a pull makes no progress, as far as the kernel tells."""

    RUNTIME_STOPPED = "RuntimeStopped"  # the process is stopped or traced
    DISK = "DiskSlow"  # the device beneath answers slowly or not at all, or a thread waits for it
    UNREAD = "NotRead"  # the registry has sent what containerd does not read
    DIALLING = "DialUnanswered"  # nobody answers its SYN
    UNCONNECTED = "NoConnection"  # it has no connection, and makes none
    UNACKNOWLEDGED = "Unacknowledged"  # what it has sent is not acknowledged
    SILENT = "RegistrySilent"  # connected, all is acknowledged and read, and nothing comes
    UNKNOWN = "Unexplained"


class Outcome(enum.Enum):
    """How it ended."""

    WHOLE = "whole"  # the blob is in the store
    GIVEN_UP = "given_up"  # it is not
    UNPACKED = "unpacked"  # it is read no more; whether all of it was unpacked is not known
    UNKNOWN = "unknown"


class BlobFile(Struct, frozen=True, kw_only=True):
    """A blob that containerd has open."""

    id: str  # of the ingest, or the digest of one that is read
    unpacking: bool
    path: str  # as containerd has it
    bytes: int | None = None  # how far it is written
    device: str = ""  # that it is written to: "253:0"; 0:n is no block device
    kind: str = ""  # "layer", "manifest", "config"
    digest: str = ""  # "sha256:..."
    namespace: str = ""  # of containerd: "k8s.io"
    total_bytes: int | None = None
    started_wall_ns: int | None = None
    unread: str = ""  # why these four are not known


class Meanwhile(Struct, frozen=True, kw_only=True):
    """The worst of disk and network since a pull began."""

    still_seconds: float = 0.0  # the longest time without progress
    silent_seconds: float = 0.0  # the longest time for which no connection has brought data
    retransmits: int = 0  # in a row, at most
    slowest_device: str = ""
    slowest_op: Op | None = None
    slowest_seconds: float = 0.0  # a request took so long on average
    stuck_device: str = ""
    stuck_seconds: float = 0.0  # the longest time in which a device ended nothing
    cause: Cause | None = None  # of the last stall

    @property
    def slow(self) -> bool:
        """Whether a device was."""
        return self.slowest_seconds >= SLOW_SECONDS


class Pull(Struct, frozen=True, kw_only=True):
    """One blob in flight."""

    file: BlobFile
    phase: Phase
    begun_boottime_ns: int
    moved_boottime_ns: int  # the last progress that was seen
    stalled: bool = False
    cause: Cause | None = None  # of its standstill, if it has lasted too long
    disks: tuple[str, ...] = ()  # the device that it is written to, then those beneath it
    meanwhile: Meanwhile = field(default_factory=Meanwhile)

    @property
    def name(self) -> str:
        """ "layer a38044a1cfef"."""
        digest = self.file.digest.rpartition(":")[2] or self.file.id
        return f"{self.file.kind or 'blob'} {digest[:12]}"


class EndedPull(Struct, frozen=True, kw_only=True):
    """One that is over, as it was last seen."""

    pull: Pull
    ended_boottime_ns: int
    outcome: Outcome


class PullReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    stalled_after_seconds: float
    pid: int
    comm: str
    pulls: tuple[Pull, ...] = ()  # the longest without progress first
    connections: tuple[Connection, ...] = ()  # that containerd has made, while it pulls
    connections_absent: str = ""  # why they are not known
    disks: tuple[DiskState, ...] = ()  # beneath what is pulled
    waiting: tuple[Container, ...] = ()  # pods that have a sandbox and no container yet
    ended: tuple[EndedPull, ...] = ()  # the last ones, newest first
    ends: Mapping[Outcome, int] = field(default_factory=dict)  # since the agent's start

    def seconds(self, since_boottime_ns: int) -> float:
        """How long ago that was."""
        return max(0, self.boottime_ns - since_boottime_ns) / 1e9

    @property
    def stalled(self) -> tuple[Pull, ...]:
        """Those without progress for too long, the longest first."""
        return tuple(pull for pull in self.pulls if pull.stalled)
