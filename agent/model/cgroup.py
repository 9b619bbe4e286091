"""What a cgroup is to us: its identity, its place in Kubernetes' tree, and its memory counters."""

from __future__ import annotations

import enum

from msgspec import Struct


class Limit(enum.Enum):
    """The kernel's word "max": a value of its own, never -1 or None."""

    UNLIMITED = "max"


MemoryLimit = int | Limit  # bytes

MISMATCH = "mismatch"
"""In place of a cgroup driver: the kubelet's is systemd, the runtime's is cgroupfs."""


class CgroupMode(enum.Enum):
    """Which hierarchy holds the memory controller."""

    V2 = "v2"
    HYBRID = "hybrid"  # the memory controller on v1, an empty v2 hierarchy beside it
    V1 = "v1"


class CgroupLevel(enum.Enum):
    """Where a cgroup stands, seen from Kubernetes."""

    ROOT = "root"
    KUBEPODS = "kubepods"
    QOS = "qos"
    POD = "pod"
    CONTAINER = "container"
    NESTED = "nested"  # below a container
    SYSTEM = "system"  # outside kubepods


class CgroupId(Struct, frozen=True, kw_only=True):
    """Identity of a cgroup within one boot: paths are reused, inodes of one hierarchy are not."""

    hierarchy: str  # "v2", or the v1 controller, "memory"
    inode: int


class CgroupPlace(Struct, frozen=True, kw_only=True):
    """What the path of a cgroup alone tells. Empty strings: the path does not tell."""

    path: str  # from the root of the hierarchy, "/" first
    level: CgroupLevel
    pod_uid: str = ""  # with dashes, as the API has it
    container_id: str = ""  # 64 hex digits
    container_path: str = ""  # the container's own cgroup: equals path, or its ancestor if nested
    pod_path: str = ""
    qos: str = ""  # "guaranteed", "burstable" or "besteffort"
    driver: str = ""  # "cgroupfs", "systemd", or MISMATCH: the runtime's is not the kubelet's
    unit: str = ""  # outside kubepods: the last *.service, *.scope or *.slice, else the last name


class MemoryEvents(Struct, frozen=True, kw_only=True):
    """memory.events or memory.events.local. None: this kernel has no such line."""

    oom: int
    oom_kill: int
    low: int | None = None
    high: int | None = None
    max: int | None = None
    oom_group_kill: int | None = None
