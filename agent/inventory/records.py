"""What the inventory knows of one container and of one pod."""

from __future__ import annotations

from msgspec import Struct

from agent.inventory.names import ContainerKind
from agent.model.cgroup import CgroupId, CgroupPlace
from agent.model.oom import Container


class ContainerRecord(Struct, frozen=True, kw_only=True):
    """One container or sandbox, from its cgroup's appearance until it is forgotten."""

    id: CgroupId
    place: CgroupPlace
    names: Container  # never None: the path gives pod uid and id at least
    kind: ContainerKind = ContainerKind.UNKNOWN
    init_pid: int | None = None  # in the PID namespace of the host
    init_start_boottime_ns: int | None = None  # with init_pid the identity of the process
    first_seen_ns: int  # CLOCK_BOOTTIME
    died_ns: int | None = None  # when its cgroup was seen gone; None: it is there

    @property
    def alive(self) -> bool:
        """Whether its cgroup is there. A cgroup outlives the last process by a moment."""
        return self.died_ns is None


class PodRecord(Struct, frozen=True, kw_only=True):
    """One pod, known by its cgroup or by a container in it."""

    names: Container  # pod_uid always; name and id are empty
    path: str = ""  # of its cgroup; empty when drivers disagree and it has none
    id: CgroupId | None = None  # None: only its containers were seen
    first_seen_ns: int
    died_ns: int | None = None

    @property
    def alive(self) -> bool:
        """Whether its cgroup, or that of a container of it, is there."""
        return self.died_ns is None
