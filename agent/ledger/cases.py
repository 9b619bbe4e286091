"""One death while it is looked into: what is known so far, and the entry that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.ledger.deaths import SAME_PROCESS_NS, DeathBook
from agent.ledger.killed import MAX_INCIDENTS
from agent.ledger.strained import strain_of, strained
from agent.ledger.verdicts import GRACE_NS, SIGKILL, Judgement, Known, judge
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.death import Death, ProcessExit, SignalSent
from agent.model.evidence import RuntimeRecord
from agent.model.exits import ContainerDeath, Sender, Strain, Verdict
from agent.model.oom import Confidence, Container, Disagreement, OOMIncident, Outcome
from agent.parse.cgroup_path import place as place_of

CONNECTOR, SIGNALS, CGROUPS, CRI = "connector", "signals", "memory.events", "cri"
"""Names of sources, as observe and inventory have them."""
LATE_NS = 1_500_000_000
"""Within this time all that was read elsewhere has arrived: pipes are drained each second."""
OOM_NS = 12_000_000_000
"""The OOM ledger settles a count and an outcome within some seconds."""
HOLD_NS = 60_000_000_000
"""So long the runtime's word is waited for."""


class Case(Struct, kw_only=True, eq=False):
    """None: not known (yet)."""

    place: CgroupPlace
    names: Container
    opened_ns: int
    kind: ContainerKind = ContainerKind.UNKNOWN
    watched: bool = True  # the agent saw it live; else the runtime's list told of it
    init_pid: int | None = None
    init_start_ns: int | None = None
    gone_ns: int | None = None
    answered: bool = False  # the runtime was asked, and this is over
    record: RuntimeRecord | None = None
    runtime_says: str = ""
    disagreement: Disagreement = Disagreement.NONE
    senders: dict[int, str | None] = field(default_factory=dict)  # asked for: pid to cgroup
    came_again: bool = False  # a container of the same name in the same pod lives
    entry: ContainerDeath | None = None  # as told last
    former: ContainerDeath | None = None  # as a former run of the agent has told it
    settled: bool = False
    strain: Strain = field(default_factory=Strain)  # at the first sign of the end

    @property
    def basis(self) -> ContainerDeath | None:
        """What stays: as a former run has told it, or as it was settled; what the kernel said of
        it is forgotten at some time.
        """
        return self.entry if self.former is None and self.settled else self.former

    def told_before(self, death: ContainerDeath) -> None:
        """A former run has told of it, which is heard of only now: this goes on from there."""
        told = self.entry
        self.former = death
        self.settled = self.settled or death.settled
        if told is None:
            self.entry = death
        else:
            self.entry = replace(told, revision=max(told.revision, death.revision))

    def succeeded_by(self, record: ContainerRecord) -> bool:
        """Whether this is the next container of the same name in the same pod."""
        own, other = self.names, record.names
        return (
            bool(own.name and own.pod_uid)
            and (own.pod_uid, own.name) == (other.pod_uid, other.name)
            and own.id != other.id
        )

    def ready(self, now_ns: int) -> bool:
        """Whether there is enough to tell of it."""
        if self.entry is not None or self.record is not None:
            return True
        if not self.watched:
            return False  # the runtime's list alone says that it ended
        sandbox_perhaps = self.kind is ContainerKind.UNKNOWN
        return not sandbox_perhaps or now_ns - self.opened_ns >= HOLD_NS


class Built(Struct, frozen=True, kw_only=True):
    death: ContainerDeath
    senders_wanted: tuple[SignalSent, ...] = ()


def resumed(death: ContainerDeath, now_ns: int) -> Case:
    """The case of a death that a former run of the agent has told, to be gone on with."""
    names = death.container
    return Case(
        place=CgroupPlace(
            path="", level=CgroupLevel.CONTAINER, pod_uid=names.pod_uid, container_id=names.id
        ),
        names=names,
        opened_ns=now_ns,
        kind=ContainerKind.CONTAINER,
        runtime_says=death.runtime_says,
        disagreement=death.disagreement,
        answered=death.settled,
        entry=death,
        former=death,
        settled=death.settled,
        strain=strain_of(death),
    )


def build(
    case: Case,
    *,
    boot_id: str,
    wall_offset_ns: int,
    deaths: DeathBook,
    incidents: tuple[OOMIncident, ...],
    names_of: Callable[[CgroupPlace], Container | None],
    now_ns: int,
    signals_since_ns: int | None,
) -> Built:
    """The entry as of now, and the signals of which the sender's cgroup is to be found. Signals
    are seen without a gap since `signals_since_ns`; None: they are not.
    """
    death = _death(case, deaths)
    ended = _exit(case, death)
    # The end of the pid's former owner is not heard of if it exited with 0: its signals are older.
    born_ns = (case.init_start_ns or 0) - SAME_PROCESS_NS
    sent = () if death is None else death.signals
    signals = tuple(_placed(s, case) for s in sent if s.boottime_ns >= born_ns)
    boottime_ns = _when(case, ended, wall_offset_ns)
    if signals_since_ns is not None:
        signals_since_ns = max(signals_since_ns, deaths.signals_dropped_ns)
    judged = judge(
        Known(
            init_pid=case.init_pid,
            exit=ended,
            signals=signals,
            incidents=incidents,
            record=case.record,
            watched=case.watched,
            signals_seen=signals_since_ns is not None
            and signals_since_ns <= max(born_ns, boottime_ns - GRACE_NS),
        )
    )
    wanted = tuple(
        sent
        for sent in (judged.counted, judged.asked)
        if sent is not None and not sent.sender_cgroup and sent.sender_pid not in case.senders
    )
    basis, record = case.basis, case.record
    bare = ContainerDeath(
        id=f"{boot_id}/{case.place.container_id}",
        boot_id=boot_id,
        revision=1,
        container=case.names,
        attempt=None if record is None else record.attempt,
        boottime_ns=boottime_ns,
        wall_ns=boottime_ns + wall_offset_ns,
        started_wall_ns=None if record is None else record.started_wall_ns,
        verdict=judged.verdict,
        exit_code=_exit_code(ended, record),
        signal=None if ended is None else ended.signal,
        core_dumped=ended is not None and ended.core_dumped,
        init_pid=case.init_pid,
        sender=None if judged.counted is None else _sender(judged.counted, names_of),
        term_boottime_ns=None if judged.asked is None else judged.asked.boottime_ns,
        incident_ids=tuple(incident.id for incident in incidents),
        runtime_says=case.runtime_says,
        disagreement=case.disagreement,
        confidence=judged.confidence,
        witnesses=tuple(_witnesses(case, ended, judged)),
    )
    found = strained(bare, case.strain)
    if basis is not None:
        found = _continued(basis, found)
    settled = _settled(case, found, incidents, now_ns) and not wanted
    return Built(death=replace(found, settled=settled), senders_wanted=wanted)


def _death(case: Case, deaths: DeathBook) -> Death | None:
    if case.init_pid is None or case.init_start_ns is None:
        return None
    return deaths.death(case.init_pid, case.init_start_ns)


def _exit(case: Case, death: Death | None) -> ProcessExit | None:
    """The kernel's word; with code 0 only once something else says that it ended."""
    if death is not None and death.exit is not None:
        proven = death.exit.signal is not None or death.exit.exit_code
        over = case.gone_ns is not None or case.record is not None
        return death.exit if proven or over else None
    former = case.basis
    if former is not None and CONNECTOR in former.witnesses:
        return ProcessExit(
            pid=former.init_pid or 0,
            parent_pid=None,
            boottime_ns=former.boottime_ns,
            exit_code=former.exit_code,
            signal=former.signal,
            core_dumped=former.core_dumped,
        )
    return None


def _placed(sent: SignalSent, case: Case) -> SignalSent:
    found = case.senders.get(sent.sender_pid)
    return replace(sent, sender_cgroup=found) if found and not sent.sender_cgroup else sent


def _when(case: Case, ended: ProcessExit | None, wall_offset_ns: int) -> int:
    if ended is not None:
        return ended.boottime_ns
    if case.basis is not None:
        return case.basis.boottime_ns
    finished_ns = None if case.record is None else case.record.finished_wall_ns
    if finished_ns is not None and finished_ns > wall_offset_ns:
        return finished_ns - wall_offset_ns
    return case.opened_ns if case.gone_ns is None else case.gone_ns


def _exit_code(ended: ProcessExit | None, record: RuntimeRecord | None) -> int | None:
    if ended is not None:
        return ended.exit_code
    return None if record is None else record.exit_code


def _sender(sent: SignalSent, names_of: Callable[[CgroupPlace], Container | None]) -> Sender:
    place = place_of(sent.sender_cgroup) if sent.sender_cgroup else None
    return Sender(
        pid=sent.sender_pid,
        comm=sent.sender_comm,
        cgroup=sent.sender_cgroup,
        unit=place.unit if place is not None and place.level is CgroupLevel.SYSTEM else "",
        container=None if place is None else names_of(place),
    )


def _witnesses(case: Case, ended: ProcessExit | None, judged: Judgement) -> Iterable[str]:
    if ended is not None:
        yield CONNECTOR
    if judged.counted is not None or judged.asked is not None:
        yield SIGNALS
    seen = (
        [w.value for v in judged.incident.victims for w in v.witnesses] if judged.incident else []
    )
    if case.gone_ns is not None or CGROUPS in seen:
        yield CGROUPS
    if case.record is not None:
        yield CRI
    yield from (name for name in dict.fromkeys(seen) if name not in (CGROUPS, "exit"))


def _continued(former: ContainerDeath, found: ContainerDeath) -> ContainerDeath:
    """What a former run has found out stays; its signals are forgotten, its words are not."""
    if former.verdict is not Verdict.UNKNOWN and found.verdict is not former.verdict:
        found = replace(
            found,
            verdict=former.verdict,
            sender=former.sender,
            term_boottime_ns=former.term_boottime_ns,
            confidence=former.confidence,
        )
    return replace(
        found,
        attempt=former.attempt if found.attempt is None else found.attempt,
        started_wall_ns=found.started_wall_ns or former.started_wall_ns,
        exit_code=former.exit_code if found.exit_code is None else found.exit_code,
        init_pid=found.init_pid or former.init_pid,
        sender=found.sender or former.sender,
        term_boottime_ns=found.term_boottime_ns or former.term_boottime_ns,
        incident_ids=_merged(former.incident_ids, found.incident_ids),
        confidence=max(found.confidence, former.confidence, key=list(Confidence).index),
        witnesses=tuple(dict.fromkeys((*former.witnesses, *found.witnesses))),
    )


def _merged(former: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """Both, in order; of too many the oldest go that were not found again."""
    merged = tuple(dict.fromkeys((*former, *found)))
    others = [each for each in merged if each not in found]
    surplus = set(others[: max(0, len(merged) - MAX_INCIDENTS)])
    return tuple(each for each in merged if each not in surplus)


def _settled(
    case: Case, found: ContainerDeath, incidents: tuple[OOMIncident, ...], now_ns: int
) -> bool:
    """Whether nothing more is waited for; once so, for good."""
    age_ns = now_ns - case.opened_ns
    if case.settled or age_ns >= HOLD_NS:
        return True
    if not case.answered or age_ns < LATE_NS or None in case.senders.values():
        return False
    killed = found.signal == SIGKILL or found.exit_code == 128 + SIGKILL
    if killed and found.verdict is Verdict.UNKNOWN and age_ns < OOM_NS:
        return False
    return age_ns >= OOM_NS or all(i.outcome is not Outcome.OPEN for i in incidents)
