"""What watchers and samplers hand to the OOM ledger, and what the ledger asks for in return.

Data walks one way: an observer makes evidence, the engine folds it into the ledger, and a ledger
that needs more emits a request that the engine answers with further evidence. The ledger never
reaches out itself.
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.cgroup import CgroupPlace, MemoryEvents
from agent.model.death import ProcessExit, SignalSent
from agent.model.faults import KernelFault
from agent.model.kmsg import OOMLine, TraceVictim
from agent.model.oom import Attribution, Container, ContainerExit
from agent.model.probe import VictimProbe
from agent.model.process import ProcessCapture


class KmsgSeen(Struct, frozen=True, kw_only=True):
    """One line of the OOM killer, facility 0. `capture` only with "Killed process", while the
    victim was still there.
    """

    sequence: int
    boottime_ns: int
    line: OOMLine
    capture: ProcessCapture | None = None


class TraceSeen(Struct, frozen=True, kw_only=True):
    """One oom:mark_victim. A candidate only: it also fires for tasks that were dying already, which
    nothing counts.
    """

    boottime_ns: int
    victim: TraceVictim
    capture: ProcessCapture | None = None
    probe: VictimProbe | None = None  # where the kernel lets us probe its OOM killer


class VmstatSeen(Struct, frozen=True, kw_only=True):
    """/proc/vmstat oom_kill since boot; None: it could not be read."""

    oom_kill: int | None


class CountersSeen(Struct, frozen=True, kw_only=True):
    """The memory counters of one cgroup that follow it: hierarchical, and local where the kernel
    has them.
    """

    place: CgroupPlace
    inode: int
    events: MemoryEvents | None = (
        None  # v2 memory.events; v1: only oom_kill is meant, and is not hierarchical
    )
    local: MemoryEvents | None = None  # v2 memory.events.local
    appeared: bool = False  # created while the agent watched: its counters began at zero


class CgroupGone(Struct, frozen=True, kw_only=True):
    """A cgroup that was followed is removed."""

    place: CgroupPlace
    inode: int


class NamesSeen(Struct, frozen=True, kw_only=True):
    """The names of a container are known, or better known than before."""

    container: Container


class FateSeen(Struct, frozen=True, kw_only=True):
    """The answer to FateWanted."""

    incident_id: str
    init_alive: bool | None  # None: could not be proven either way
    init_pid: int | None = None
    runtime_says: str = ""


class RuntimeRecord(Struct, frozen=True, kw_only=True):
    """What the runtime has written down of a container that ended. None: it does not say."""

    exit_code: int | None  # 128 + signal for a signal
    attempt: int | None = None  # the kubelet's count of restarts
    started_wall_ns: int | None = None
    finished_wall_ns: int | None = None


class EndSeen(Struct, frozen=True, kw_only=True):
    """The answer to EndWanted: the runtime's last word, and how the container's init ended."""

    place: CgroupPlace
    runtime_says: str = ""  # empty: it has no record of the end, or could not be asked
    exit: ContainerExit | None = None  # None: nobody tells
    record: RuntimeRecord | None = None  # None: it has none, or could not be asked


class LimitSeen(Struct, frozen=True, kw_only=True):
    """The answer to LimitWanted. limit_bytes None: no limit is set, or it could not be read."""

    incident_id: str
    limit_bytes: int | None


class PlacesSeen(Struct, frozen=True, kw_only=True):
    """The answer to PlacesWanted: cgroup paths by pid; a pid that nothing tells of is left out."""

    incident_id: str
    places: dict[int, tuple[str, Attribution]]  # RECORDER or SCAN


class ExitSeen(Struct, frozen=True, kw_only=True):
    """A process ended, and how (process connector)."""

    exit: ProcessExit


class SignalSeen(Struct, frozen=True, kw_only=True):
    """A fatal signal was sent, and by whom (signal:signal_generate)."""

    sent: SignalSent


class PluginExecuted(Struct, frozen=True, kw_only=True):
    """A file of the CNI plugins' directories was executed (sched:sched_process_exec)."""

    pid: int
    plugin: str  # as execve(2) got it
    boottime_ns: int


class DialSeen(Struct, frozen=True, kw_only=True):
    """A TCP connection was begun, or one that was begun is not to be (sock:inet_sock_set_state)."""

    tid: int  # of the thread that ran: who begins it; of what fails, anybody
    local: str  # "10.0.0.4:40112"; port 0: it has none yet
    remote: str  # "10.96.0.5:443"
    failed: bool
    serving: bool  # the kernel served an interrupt, and nobody's system call
    boottime_ns: int


class LinksChanged(Struct, frozen=True, kw_only=True):
    """Interfaces of the host's network namespace came, went or changed (RTNLGRP_LINK)."""

    changes: int  # 0: it is only known that there were some


class SenderSeen(Struct, frozen=True, kw_only=True):
    """The answer to SenderWanted: the sender's cgroup; empty: nothing tells it."""

    container_id: str
    pid: int
    cgroup: str


class KmsgState(Struct, frozen=True, kw_only=True):
    """Whether kmsg is read. While it is not, nothing more is to be waited for from it."""

    up: bool


class FaultSeen(Struct, frozen=True, kw_only=True):
    """One line of the kernel's of a failing disk or a hung task, facility 0."""

    sequence: int
    boottime_ns: int
    fault: KernelFault


class ForgedSeen(Struct, frozen=True, kw_only=True):
    """A line that imitates the OOM killer and was written by user space (facility not 0)."""

    sequence: int


OOMEvidence = (
    KmsgSeen
    | TraceSeen
    | VmstatSeen
    | CountersSeen
    | CgroupGone
    | NamesSeen
    | FateSeen
    | EndSeen
    | LimitSeen
    | PlacesSeen
    | ExitSeen
    | KmsgState
    | ForgedSeen
)


class FateWanted(Struct, frozen=True, kw_only=True):
    """The hold is over: does the container's init live, and what does the runtime say?"""

    incident_id: str
    place: CgroupPlace
    killed_boottime_ns: int
    live: bool  # the agent watched when it happened; else the container's absence proves little
    group_kill: bool  # the kernel killed all of it


class EndWanted(Struct, frozen=True, kw_only=True):
    """A container is gone: how did it end, and what does the runtime say of that?"""

    place: CgroupPlace


class SenderWanted(Struct, frozen=True, kw_only=True):
    """In which cgroup was the process, gone by now, that sent a signal to a container's init?"""

    container_id: str
    pid: int
    boottime_ns: int  # when it sent


class LimitWanted(Struct, frozen=True, kw_only=True):
    """How large is memory.max of this cgroup?"""

    incident_id: str
    cgroup: str


class PlacesWanted(Struct, frozen=True, kw_only=True):
    """Whose cgroup no cheaper evidence tells: what do the recorder and the scans say?"""

    incident_id: str
    victims: tuple[tuple[int, int], ...]  # (pid, when it was killed by CLOCK_BOOTTIME)


class CgroupAppeared(Struct, frozen=True, kw_only=True):
    """A cgroup of Kubernetes' tree is followed from now on."""

    place: CgroupPlace
    inode: int
    live: bool  # created while the agent watched


class SourceLost(Struct, frozen=True, kw_only=True):
    """A source lost records; whoever hears this reads the ground truth again."""

    source: str
    lost: int | None  # None: unknown how many
    detail: str


class SignalsMissed(Struct, frozen=True, kw_only=True):
    """Up to now signals were lost, or wait to be read: that none was heard of proves nothing. Told
    each second that it is so, while SourceLost is published, and of a flood now and then only.
    """


Observation = (
    OOMEvidence
    | SignalSeen
    | SignalsMissed
    | SenderSeen
    | PluginExecuted
    | DialSeen
    | LinksChanged
    | FaultSeen
    | CgroupAppeared
    | SourceLost
)
"""What an observer can say."""

EvidenceRequest = FateWanted | EndWanted | LimitWanted | PlacesWanted
