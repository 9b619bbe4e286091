"""A kernel of paper: it kills, counts and prints as mm/oom_kill.c does, and the ledger under test
hears it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.ledger.checkpoint import Checkpoint
from agent.ledger.closing import Output
from agent.ledger.oom import OOMLedger
from agent.model.cgroup import CgroupPlace, MemoryEvents
from agent.model.death import ProcessExit
from agent.model.event import OOMAmended, OOMRecorded
from agent.model.evidence import (
    CountersSeen,
    ExitSeen,
    FateSeen,
    FateWanted,
    KmsgSeen,
    KmsgState,
    LimitWanted,
    PlacesSeen,
    PlacesWanted,
    TraceSeen,
    VmstatSeen,
)
from agent.model.kmsg import (
    OOMGroupKill,
    OOMInvoked,
    OOMKilledProcess,
    OOMLine,
    OOMSummary,
    OOMUsage,
    TraceVictim,
)
from agent.model.oom import Attribution, Container, OOMIncident
from agent.model.probe import VictimProbe
from agent.model.process import ProcessCapture
from agent.parse.cgroup_path import place

BOOT = "721f0f5e-0000-4000-8000-000000000001"
UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
POD = f"/kubepods/burstable/pod{UID}"
CID = "253748b789a4f7662b4ea1da40a21f7debbc60570505989224a206bd762592ae"
CONTAINER = f"{POD}/{CID}"
OTHER = f"{POD}/{CID[::-1]}"
SECOND = 1_000_000_000
SETTLE = 2 * SECOND


class Names:
    """A directory that knows every pod by one name; a test may put another in its place."""

    def __init__(self) -> None:
        self.inits: dict[str, int] = {}
        self.names: Callable[[CgroupPlace], Container | None] = self.known

    def known(self, place: CgroupPlace) -> Container | None:
        if not place.pod_uid:
            return None
        return Container(
            namespace="default",
            pod="web",
            pod_uid=place.pod_uid,
            name="main",
            id=place.container_id,
            names_from="cri",
        )

    def init_pid(self, place: CgroupPlace) -> int | None:
        return self.inits.get(place.container_id)


@dataclass
class Kernel:
    """`now` moves by a millisecond with each thing that happens."""

    names: Names = field(default_factory=Names)
    now: int = 100 * SECOND
    sequence: int = 400
    oom_kill: int = 0
    lines: list[KmsgSeen] = field(default_factory=list)  # the ring
    out: list[Output] = field(default_factory=list)
    asked: list[PlacesWanted] = field(default_factory=list)  # not answered yet
    ledger: OOMLedger = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(
        self, checkpoint: Checkpoint | None = None, incidents: list[OOMIncident] | None = None
    ) -> None:
        """Start an agent: it reads the count, then the ring from its beginning."""
        self.ledger = OOMLedger(
            boot_id=BOOT,
            settle_ns=SETTLE,
            hold_ns=SETTLE,
            directory=self.names,
            wall_offset_ns=SECOND,
            checkpoint=checkpoint,
            incidents=incidents or (),
        )
        self.asked = []
        self.ledger.fold(KmsgState(up=True), self.now)
        self.count()
        for line in self.lines:
            self.ledger.fold(line, self.now)
        self.flush()

    def count(self) -> None:
        self.ledger.fold(VmstatSeen(oom_kill=self.oom_kill), self.now)

    def say(
        self, line: OOMLine, capture: ProcessCapture | None = None, *, heard: bool = True
    ) -> None:
        self.sequence += 1
        self.now += 1_000_000
        seen = KmsgSeen(sequence=self.sequence, boottime_ns=self.now, line=line, capture=capture)
        self.lines.append(seen)
        if heard:
            self.ledger.fold(seen, self.now)

    def header(
        self,
        pid: int,
        task_memcg: str,
        oom_memcg: str = "",
        comm: str = "work",
        *,
        heard: bool = True,
    ) -> None:
        self.say(
            OOMInvoked(comm=comm, gfp_mask="0xcc0(GFP_KERNEL)", order=0, oom_score_adj=900),
            heard=heard,
        )
        self.say(OOMUsage(usage_bytes=32 << 20, limit_bytes=32 << 20), heard=heard)
        self.say(
            (
                OOMSummary(
                    constraint="CONSTRAINT_MEMCG" if oom_memcg else "CONSTRAINT_NONE",
                    global_oom=not oom_memcg,
                    oom_memcg=oom_memcg,
                    task_memcg=task_memcg,
                    task=comm,
                    pid=pid,
                    uid=0,
                ),
            ),
            heard=heard,
        )

    def kill(
        self,
        pid: int,
        comm: str = "work",
        *,
        memcg: bool = True,
        heard: bool = True,
        capture: ProcessCapture | None = None,
        count: bool = True,
    ) -> None:
        """Count, then print: the order of __oom_kill_process."""
        self.oom_kill += 1
        self.say(
            OOMKilledProcess(
                memory_cgroup=memcg,
                pid=pid,
                comm=comm,
                total_vm_bytes=64 << 20,
                anon_rss_bytes=32 << 20,
                file_rss_bytes=0,
                shmem_rss_bytes=0,
                uid=0,
                page_tables_bytes=104 << 10,
                oom_score_adj=900,
            ),
            capture,
            heard=heard,
        )
        if heard and count:
            self.count()

    def group(self, cgroup: str) -> None:
        self.say(OOMGroupKill(cgroup=cgroup))

    def trace(
        self,
        pid: int,
        capture: ProcessCapture | None = None,
        probe: VictimProbe | None = None,
    ) -> None:
        self.now += 1_000_000
        victim = TraceVictim(timestamp_us=self.now // 1000, pid=pid, comm="work")
        seen = TraceSeen(boottime_ns=self.now, victim=victim, capture=capture, probe=probe)
        self.ledger.fold(seen, self.now)

    def exit(self, pid: int, signal: int | None = 9) -> None:
        """The process connector tells of an exit."""
        ended = ProcessExit(
            pid=pid,
            parent_pid=1,
            boottime_ns=self.now,
            exit_code=0 if signal is None else None,
            signal=signal,
        )
        self.ledger.fold(ExitSeen(exit=ended), self.now)

    def recorder(self, cgroup: str, attribution: Attribution = Attribution.RECORDER) -> None:
        """The recorder answers every question of the last flush: all of them were in `cgroup`."""
        asked, self.asked = self.asked, []
        for wanted in asked:
            places = {pid: (cgroup, attribution) for pid, _ in wanted.victims}
            seen = PlacesSeen(incident_id=wanted.incident_id, places=places)
            self.ledger.fold(seen, self.now)

    def counters(self, path: str, oom_kill: int, *, oom: int = 0, appeared: bool = False) -> None:
        self.ledger.fold(
            CountersSeen(
                place=place(path),
                inode=hash(path) & 0xFFFF,
                events=MemoryEvents(oom=oom, oom_kill=oom_kill),
                local=MemoryEvents(oom=oom, oom_kill=oom_kill),
                appeared=appeared,
            ),
            self.now,
        )

    def wait(self, ns: int = SETTLE) -> None:
        """Time passes; the agent ticks and flushes."""
        self.now += ns
        self.count()
        self.ledger.tick(self.now)
        self.flush()

    def flush(self) -> None:
        for item in self.ledger.flush(self.now):
            if isinstance(item, PlacesWanted):
                self.asked.append(item)
            else:
                self.out.append(item)

    def incidents(self) -> list[OOMIncident]:
        """The latest revision of each incident, in order."""
        self.flush()
        latest: dict[str, OOMIncident] = {}
        for item in self.out:
            if isinstance(item, OOMRecorded | OOMAmended):
                latest[item.incident.id] = item.incident
        return list(latest.values())

    def wanted(self) -> list[FateWanted | LimitWanted]:
        return [item for item in self.out if isinstance(item, FateWanted | LimitWanted)]

    def fate(self, incident: OOMIncident, *, alive: bool | None, says: str = "") -> None:
        self.ledger.fold(
            FateSeen(incident_id=incident.id, init_alive=alive, runtime_says=says), self.now
        )
        self.flush()


def probed(
    cgroup: str = CONTAINER,
    limit: str = "",
    *,
    call_ns: int | None = 1,
    limit_bytes: int | None = None,
) -> VictimProbe:
    """What the probes told; without a limit it was the node."""
    return VictimProbe(
        start_boottime_ns=90 * SECOND,
        cgroup=cgroup,
        call_boottime_ns=call_ns,
        node_wide=not limit,
        limit_cgroup=limit,
        limit_bytes=limit_bytes,
    )


def captured(pid: int, cgroup: str = CONTAINER, namespace_pid: int | None = None) -> ProcessCapture:
    """What /proc told of a victim in time."""
    return ProcessCapture(
        pid=pid,
        comm="work",
        state="R",
        start_boottime_ns=90 * SECOND,
        cgroup=cgroup,
        namespace_pid=namespace_pid,
        container_init=None if namespace_pid is None else namespace_pid == 1,
    )
