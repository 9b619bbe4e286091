"""The exits ledger's entries: one for each container death. A process that the OOM killer killed is
a victim of an incident (agent.model.oom), which the container's death refers to.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.oom import Confidence, Container, Disagreement


class Verdict(enum.Enum):
    """Why a container ended."""

    OOM_CONTAINER_LIMIT = "oom-container-limit"
    OOM_POD_LIMIT = "oom-pod-limit"
    OOM_KUBEPODS_LIMIT = "oom-kubepods-limit"  # of kubepods or of a QoS class
    OOM_NESTED_LIMIT = "oom-nested-limit"  # of a cgroup inside the container
    OOM_NODE = "oom-node"
    OOM_GROUP_SIBLING = "oom-group-sibling"  # killed with its group, for another's memory
    KILLED_BY_RUNTIME = "killed-by-runtime"  # SIGKILL at once, on the kubelet's behalf
    STOPPED_BY_RUNTIME = "stopped-by-runtime"  # SIGTERM (or its stop signal), then it exited
    GRACE_EXCEEDED = "grace-exceeded"  # SIGTERM, then SIGKILL after the grace period
    KILLED_BY_OOMD = "killed-by-oomd"  # systemd-oomd
    KILLED_BY_PROCESS = "killed-by-process"  # a signal of somebody else: sender is told
    CRASHED = "crashed"  # by a signal of its own doing: SEGV, ABRT, BUS, FPE, ILL
    EXITED = "exited"  # by itself, with exit_code
    UNKNOWN = "unknown"


class StopReason(enum.Enum):
    """Why the runtime stopped it, as far as it can be told."""

    NONE = "none"  # it was not stopped by the runtime
    RESTART = "restart"  # the sandbox lives on and the next attempt came: a failed probe, mostly
    EVICTION = "eviction"  # the sandbox stopped while an eviction threshold was crossed
    DELETION = "deletion"  # the sandbox stopped too
    UNKNOWN = "unknown"


class ExitCount(Struct, frozen=True, kw_only=True):
    """So many deaths of a container by one verdict, or so many more of them."""

    namespace: str
    pod: str
    container: str
    verdict: Verdict
    count: int


class Sender(Struct, frozen=True, kw_only=True):
    """Who sent the signal that counted. comm is chosen by the process: hostile."""

    pid: int
    comm: str
    cgroup: str = ""  # of the sender, when it could still be read
    unit: str = ""  # its unit or slice outside of pods
    container: Container | None = None  # it ran in this container


class Strain(Struct, frozen=True, kw_only=True):
    """How a container and its node fared just before it ended. None: not read, or too long ago."""

    memory_working_set: int | None = None  # bytes
    memory_limit: int | None = None
    memory_pressure_full: float | None = None  # percent of the last ten seconds
    cpu_pressure_some: float | None = None
    cpu_throttled_ratio: float | None = None  # of its periods of cpu.max, in some ten seconds
    io_pressure_full: float | None = None
    node_cpu_pressure_some: float | None = None
    node_memory_pressure_full: float | None = None
    node_io_pressure_full: float | None = None
    network_saturated: bool | None = None


class ContainerDeath(Struct, frozen=True, kw_only=True):
    """One entry. None or empty: no witness told."""

    id: str  # of the record: the same in all revisions
    boot_id: str
    revision: int
    container: Container
    attempt: int | None = None  # the kubelet's restart count of this container
    boottime_ns: int  # of the end of its init; when unknown, of its cgroup
    wall_ns: int
    started_wall_ns: int | None = None
    verdict: Verdict = Verdict.UNKNOWN
    stop_reason: StopReason = StopReason.NONE
    exit_code: int | None = None  # 0..255
    signal: int | None = None
    core_dumped: bool = False
    init_pid: int | None = None
    sender: Sender | None = None
    term_boottime_ns: int | None = None  # when it was asked to stop
    incident_ids: tuple[str, ...] = ()  # of the OOM ledger
    runtime_says: str = ""
    disagreement: Disagreement = Disagreement.NONE
    confidence: Confidence = Confidence.LOW
    witnesses: tuple[str, ...] = ()  # names of sources
    memory_working_set: int | None = None  # bytes, at the last sweep before the end
    memory_limit: int | None = None
    memory_pressure_full: float | None = None  # percent of the last ten seconds
    cpu_pressure_some: float | None = None
    cpu_throttled_ratio: float | None = None  # of its periods of cpu.max, in some ten seconds
    io_pressure_full: float | None = None
    node_cpu_pressure_some: float | None = None
    node_memory_pressure_full: float | None = None
    node_io_pressure_full: float | None = None
    network_saturated: bool | None = None  # of the node, at the moment of death
    settled: bool = False  # nothing more is waited for
