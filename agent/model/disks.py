"""Block devices: what they are, how fast they answer, and which does not."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.oom import Container


def is_part(disk: str, device: str) -> bool:
    """Whether `device` is how the kernel names a partition of `disk`: "sda1", "nvme0n1p1"
    (bdev_name, block/partitions/core.c).
    """
    if not device.startswith(disk):
        return False
    rest = device[len(disk) :]
    if disk[-1:].isdigit():
        rest = rest.removeprefix("p") if rest.startswith("p") else ""
    return rest.isdigit()


class OpCounters(Struct, frozen=True, kw_only=True):
    """One kind of request since boot, those that have ended."""

    count: int
    bytes: int
    milliseconds: int  # that they took together


class DiskCounters(Struct, frozen=True, kw_only=True):
    """One line of /proc/diskstats. None: an older kernel."""

    id: str  # "254:0"
    name: str  # "vda"
    reads: OpCounters
    writes: OpCounters
    discards: OpCounters | None
    flushes: OpCounters | None
    in_flight: int  # requests that have not ended
    busy_ms: int  # in which there was one
    weighted_ms: int  # and how many, summed up

    @property
    def ended(self) -> int:
        """Requests that have."""
        others = (self.discards, self.flushes)
        return self.reads.count + self.writes.count + sum(o.count for o in others if o is not None)


class DiskKind(enum.Enum):
    """What is behind the device, as far as its name tells."""

    DEVICE_MAPPER = "device-mapper"
    LOOP = "loop"
    NVME = "NVMe"
    VIRTIO = "virtio"
    SCSI = "SCSI"
    MD = "md"
    XEN = "Xen"
    OTHER = "disk"


class Disk(Struct, frozen=True, kw_only=True):
    """One device, as sysfs and the mount table have it."""

    id: str
    name: str
    kind: DiskKind
    label: str = ""  # of device-mapper its name there, of loop its file
    beneath: tuple[str, ...] = ()  # names of the devices and partitions that it lies on
    mounts: tuple[str, ...] = ()  # of it and of its partitions, on the host
    part_ids: tuple[str, ...] = ()  # of its partitions
    part_names: tuple[str, ...] = ()


class Op(enum.Enum):
    READ = "read"
    WRITE = "write"
    DISCARD = "discard"
    FLUSH = "flush"


class OpRate(Struct, frozen=True, kw_only=True):
    """One kind of request over the window."""

    per_second: float
    bytes_per_second: float
    latency_seconds: float | None  # the mean of those that ended; None: none did


class DiskUser(Struct, frozen=True, kw_only=True):
    """Who has read from or written to it lately, by io.stat of its cgroup."""

    names: Container | None  # of a pod's container
    unit: str  # of a service
    read_bytes_per_second: float
    written_bytes_per_second: float


class DiskState(Struct, frozen=True, kw_only=True):
    """One device now."""

    disk: Disk
    in_flight: int
    suspended: bool = False  # device-mapper holds back all that is asked of it
    window_seconds: float  # that the rates are of
    rates: Mapping[Op, OpRate] = field(default_factory=dict)
    busy_ratio: float = 0.0  # of the window, in which there was a request in flight
    queue: float = 0.0  # requests in flight, on average
    stuck_since_boottime_ns: int | None = None
    """Requests are in flight, or held back by device-mapper, and none has ended since."""
    users: tuple[DiskUser, ...] = ()


class EtcdProcess(Struct, frozen=True, kw_only=True):
    """A process named etcd, and what its write-ahead log lies on."""

    pid: int
    start_boottime_ns: int
    cgroup: str
    directory: str
    device: str = ""  # "253:0"; 0:n is no block device
    absent: str = ""  # why the device is not known


class Etcd(Struct, frozen=True, kw_only=True):
    """etcd of this node, and how fast its disk is."""

    process: EtcdProcess
    names: Container | None = None
    unit: str = ""
    chain: tuple[DiskState, ...] = ()  # its device, then those beneath it
    waiting_ratio: float | None = None  # io.pressure of its cgroup, some: of the last seconds

    @property
    def slowest(self) -> tuple[DiskState, Op, float] | None:
        """The device of the chain and the kind of request that take longest, writes and flushes
        alone; None: nothing was written lately.
        """
        found = [
            (state, op, rate.latency_seconds)
            for state in self.chain
            for op in (Op.WRITE, Op.FLUSH)
            if (rate := state.rates.get(op)) is not None and rate.latency_seconds is not None
        ]
        return max(found, key=lambda each: each[2], default=None)


class DiskReport(Struct, frozen=True, kw_only=True):
    """All of them at one moment."""

    boottime_ns: int
    wall_ns: int
    stalled_after_seconds: float
    disks: tuple[DiskState, ...] = ()
    etcd: tuple[Etcd, ...] = ()

    def stuck_seconds(self, state: DiskState) -> float:
        """For how long nothing has ended; 0: something does, or nothing is asked of it."""
        since = state.stuck_since_boottime_ns
        return 0.0 if since is None else (self.boottime_ns - since) / 1e9

    def behind(self, device: str) -> DiskState | None:
        """The disk of this name, or the one that the partition is of; None: it is not known."""
        exact = next((state for state in self.disks if state.disk.name == device), None)
        return exact or next((s for s in self.disks if is_part(s.disk.name, device)), None)

    def stalled(self) -> tuple[DiskState, ...]:
        """Those on which nothing has ended for too long, the longest first."""
        found = [d for d in self.disks if self.stuck_seconds(d) >= self.stalled_after_seconds]
        return tuple(sorted(found, key=self.stuck_seconds, reverse=True))
