"""Namespaces of processes: which container has which, and which of them are the host's."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from agent.model.oom import Container


class NamespaceKind(enum.Enum):
    """As the links of /proc/PID/ns are called."""

    MNT = "mnt"
    NET = "net"
    PID = "pid"
    UTS = "uts"
    IPC = "ipc"
    USER = "user"
    CGROUP = "cgroup"
    TIME = "time"


class Holding(enum.Enum):
    """Whose a namespace of a container is."""

    HOST = "host"
    POD = "pod"  # it shares it with other containers of its pod
    OWN = "own"


Inodes = Mapping[NamespaceKind, int]


class ContainerNamespaces(Struct, frozen=True, kw_only=True):
    """Those of the first process of one container, by inode."""

    container: Container
    sandbox: bool = False
    pid: int = 0  # 0: it has no process
    inodes: Inodes = field(default_factory=dict)  # without those that could not be read
    unread: str = ""  # why they could not


class NamedNamespace(Struct, frozen=True, kw_only=True):
    """A network namespace that has a name in /run/netns, which keeps it."""

    name: str  # as it is on disk, safe to print
    inode: int = 0  # 0: it is no namespace, or cannot be read
    created_wall_ns: int = 0  # of the kernel's inode for it
    problem: str = ""


class Stranger(Struct, frozen=True, kw_only=True):
    """A process in namespaces that are neither the host's nor a known container's."""

    pid: int
    comm: str  # hostile
    cgroup: str
    inodes: Inodes  # of those namespaces alone


class NamespaceReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    host: Inodes = field(default_factory=dict)
    containers: tuple[ContainerNamespaces, ...] = ()
    named: tuple[NamedNamespace, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    strangers_cut: int = 0  # more than are kept
    populations: Mapping[int, int] = field(default_factory=dict)
    """Processes in each network namespace, by inode."""
    members: Mapping[int, int] = field(default_factory=dict)
    """One process of each of them."""

    def holding(self, found: ContainerNamespaces, kind: NamespaceKind) -> Holding | None:
        """Whose this namespace of a container is; None: not known."""
        inode = found.inodes.get(kind)
        if inode is None or kind not in self.host:
            return None
        if inode == self.host[kind]:
            return Holding.HOST
        uid = found.container.pod_uid
        others = (o for o in self.containers if o is not found and o.container.pod_uid == uid)
        shared = bool(uid) and any(other.inodes.get(kind) == inode for other in others)
        return Holding.POD if shared else Holding.OWN
