"""What is left of the node before the kubelet evicts, in the kubelet's own arithmetic."""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.absence import Absent
from agent.model.oom import Container


class Signal(enum.Enum):
    """The kubelet's eviction signals (pkg/kubelet/eviction/api/types.go)."""

    MEMORY = "memory.available"
    ALLOCATABLE_MEMORY = "allocatableMemory.available"  # of kubepods
    NODEFS = "nodefs.available"
    NODEFS_INODES = "nodefs.inodesFree"
    IMAGEFS = "imagefs.available"
    IMAGEFS_INODES = "imagefs.inodesFree"
    PID = "pid.available"

    @property
    def counts_bytes(self) -> bool:
        """Whether its unit is bytes; else it counts inodes or tasks."""
        return self not in _COUNTS


_COUNTS = frozenset({Signal.NODEFS_INODES, Signal.IMAGEFS_INODES, Signal.PID})


class MemoryForm(enum.Enum):
    """How the usage of the root cgroup is computed; the working set is that - inactive_file."""

    TOTAL_MINUS_FREE = "MemTotal - MemFree"  # v2; runc before 1.1.9, kubelet before 1.29
    ANON_PLUS_FILE = "anon + file"  # v2; runc 1.1.9 and later, opencontainers/cgroups
    V1_USAGE = "memory.usage_in_bytes"  # v1


class RootMemory(Struct, frozen=True, kw_only=True):
    """The root's memory as read at one instant; bytes. None: this hierarchy has no such figure."""

    total: int  # MemTotal, the kubelet's capacity
    free: int
    inactive_file: int
    anon: int | None = None  # v2
    file: int | None = None  # v2
    usage: int | None = None  # v1, memory.usage_in_bytes

    def usage_of(self, form: MemoryForm) -> int | None:
        """The root's usage in this form; None if it was not read."""
        match form:
            case MemoryForm.TOTAL_MINUS_FREE:
                return max(0, self.total - self.free)
            case MemoryForm.ANON_PLUS_FILE:
                return None if self.anon is None or self.file is None else self.anon + self.file
            case MemoryForm.V1_USAGE:
                return self.usage

    def working_set(self, form: MemoryForm) -> int | None:
        """Usage - inactive_file, never below 0 (cAdvisor, setMemoryStats)."""
        usage = self.usage_of(form)
        return None if usage is None else max(0, usage - self.inactive_file)

    def available(self, form: MemoryForm) -> int | None:
        """memory.available: capacity - working set."""
        working_set = self.working_set(form)
        return None if working_set is None else max(0, self.total - working_set)


class FormChoice(Struct, frozen=True, kw_only=True):
    """Which form the kubelet of this node uses, and how we know."""

    form: MemoryForm
    reason: str
    assumed: bool  # nothing on this node proves it


class Threshold(Struct, frozen=True, kw_only=True):
    """One eviction threshold: crossed while available is less."""

    signal: Signal
    hard: bool
    text: str  # as it is written: "100Mi", "10%"
    source: str  # "config PATH", "flag --eviction-hard", "default: ..."
    quantity: int | None = None  # bytes, inodes or tasks
    fraction: float | None = None  # of the capacity; one of the two is set
    grace_seconds: float | None = None  # of a soft one

    def amount(self, capacity: int) -> int:
        """The threshold in the signal's unit, rounded as the kubelet rounds."""
        if self.quantity is not None:
            return self.quantity
        return int(float(capacity) * (self.fraction or 0.0))


class KubeletFacts(Struct, frozen=True, kw_only=True):
    """The kubelet of this node, as far as it could be found."""

    pid: int | None = None
    found: str = ""  # how, in words
    config: str = ""  # the file that was read; empty: none
    root_directory: str = "/var/lib/kubelet"
    version: str = ""  # "v1.30.14", or empty
    healthz_address: str = "127.0.0.1"
    healthz_port: int = 10248  # 0: it is switched off
    library: str = ""  # "github.com/opencontainers/runc v1.1.12": decides the form
    thresholds: tuple[Threshold, ...] = ()
    problems: tuple[str, ...] = ()  # what could not be read, in words


class Room(Struct, frozen=True, kw_only=True):
    """What is left of one thing, in the signal's unit."""

    available: int
    capacity: int


class Readings(Struct, frozen=True, kw_only=True):
    """One round of reading. A signal is in `rooms`, in `absent`, or this node has none of it."""

    boottime_ns: int
    wall_ns: int
    root: RootMemory | None = None
    rooms: tuple[tuple[Signal, Room], ...] = ()
    absent: tuple[tuple[Signal, Absent], ...] = ()
    paths: tuple[tuple[Signal, str], ...] = ()  # of the file systems that were asked


class Trend(Struct, frozen=True, kw_only=True):
    """How a level moves, fitted over a window."""

    per_second: float  # in the level's unit; negative: it falls
    fit: float  # 0..1, how much of the movement the line explains (r squared)
    window_seconds: float
    samples: int


class Headroom(Struct, frozen=True, kw_only=True):
    """One signal against one of its thresholds."""

    signal: Signal
    room: Room | None = None  # None: not read, `absent` says why
    absent: str = ""
    where: str = ""  # the path of the file system
    threshold: Threshold | None = None  # None: the kubelet has none for this signal
    amount: int | None = None  # the threshold in the signal's unit
    trend: Trend | None = None  # None: no line fits what was seen
    seconds_left: float | None = None
    """Until it is crossed at that trend, or until nothing is left if there is no threshold; None:
    unknown or never.
    """
    crossed_since_boottime_ns: int | None = None  # stays while `room` cannot be read
    crossed_since_wall_ns: int | None = None
    clear_since_boottime_ns: int | None = None  # in each reading since then it was not crossed

    @property
    def left(self) -> int | None:
        """Available - threshold; below 0 while it is crossed."""
        return (
            None if self.room is None or self.amount is None else self.room.available - self.amount
        )

    @property
    def crossed(self) -> bool:
        return self.crossed_since_boottime_ns is not None


class Eater(Struct, frozen=True, kw_only=True):
    """Whose working set grew: in the last minutes, or since the agent started if that is less."""

    container: Container | None = None  # of a container or a pod's sandbox
    unit: str = ""  # of a service outside pods
    working_set: int
    grown_1m: int  # bytes; negative: it shrank
    grown_5m: int


class MemoryReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    root: RootMemory | None = None
    choice: FormChoice | None = None
    kubelet: KubeletFacts = KubeletFacts()
    headrooms: tuple[Headroom, ...] = ()
    eaters: tuple[Eater, ...] = ()  # the one that grew most first
