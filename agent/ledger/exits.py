"""The exits ledger: exactly one entry for each death of a container, whoever told of it first.

A death opens with the exit of the container's init or with the end of its cgroup, or is found in
the runtime's list when the agent was not there. It is told once there was a moment for all that
belongs to it, and amended until nothing more is waited for. The key is the container's id: a CRI
runtime starts no container twice.

A pure fold: evidence in, entries and requests for more evidence out; no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.ledger.cases import CGROUPS, Case, build, resumed
from agent.ledger.deaths import DeathBook
from agent.ledger.docket import Docket
from agent.ledger.killed import Killed
from agent.ledger.past import Past
from agent.ledger.stops import WAIT_NS, Stops
from agent.model.cgroup import CgroupId, CgroupPlace
from agent.model.death import ProcessExit
from agent.model.event import ExitAmended, ExitRecorded
from agent.model.evidence import EndSeen, EndWanted, SenderSeen, SenderWanted, SourceLost
from agent.model.exits import ContainerDeath, Strain
from agent.model.oom import Container, Disagreement, OOMIncident

FIRST_NS = 500_000_000
"""Before a death is told: what belongs together is read at different moments."""
CLOSE_NS = 30_000_000_000
"""How long a settled entry still takes amendments: the judgement on the runtime's word."""
SILENT_NS = 3_700_000_000_000
"""The same while the runtime has not answered, and may be asked still (engine.last_words)."""
MAX_A_FLUSH = 256
"""Entries that are made in one go, some 50 us each: kills must be seen meanwhile."""

Told = ExitRecorded | ExitAmended | EndWanted | SenderWanted | SourceLost


class ExitsLedger:
    """Deaths of one boot. `flush` gives what changed, `tick` looks again at all that is open."""

    def __init__(
        self,
        *,
        boot_id: str,
        wall_offset_ns: int,
        deaths: DeathBook,
        names_of: Callable[[CgroupPlace], Container | None],
        strain_at: Callable[[CgroupId, int], Strain] = lambda container, now_ns: Strain(),
        signals_since_ns: Callable[[], int | None] = lambda: 0,
        recovered: Iterable[ContainerDeath] = (),
        incidents: Iterable[OOMIncident] = (),
        now_ns: int = 0,
        since_wall_ns: int = 0,
        past_known: bool = True,
    ) -> None:
        """`wall_offset_ns` turns CLOCK_BOOTTIME into wall time; `recovered` are the deaths that a
        former run has told; `strain_at` a moment says how a container fares; `signals_since_ns`
        since when signals are seen without a gap, None: they are not. What ended
        before `since_wall_ns` a former run has seen. While the past is not known, the deaths of
        the runtime's list that nobody here has seen wait for `adopt`: they may be told already.
        """
        self._boot_id = boot_id
        self._offset_ns = wall_offset_ns
        self._deaths = deaths
        self._names_of = names_of
        self._strain_at = strain_at
        self._signals_since_ns = signals_since_ns
        self._past = Past(wall_offset_ns)  # nothing of earlier boots
        self._stops = Stops()
        self._cases = Docket()
        self._killed = Killed()
        self._out: list[Told] = []
        self._untold = 0  # since the last flush
        if past_known:
            self.adopt(recovered, incidents, now_ns, since_wall_ns)

    def adopt(
        self,
        deaths: Iterable[ContainerDeath],
        incidents: Iterable[OOMIncident],
        now_ns: int,
        since_wall_ns: int,
    ) -> None:
        """Take over what a journal holds; it may have opened late. A death that is looked into
        here goes on as the former run has told it; one that was told and closed here stays so.
        """
        held = self._past.learn(since_wall_ns)
        for incident in incidents:
            container = incident.container
            if container is None or not self._killed.holds(container.id, incident.id):
                self.incident(incident)
        for death in deaths:
            container_id = death.container.id
            case = self._cases.get(container_id)
            if death.boot_id != self._boot_id:
                continue
            if case is not None:
                case.told_before(death)
                self._cases.touch(case)
            elif not self._past.told(container_id):
                self._restore(death, now_ns)
        for place, names in held:
            self.missed(place, names, now_ns)

    def __len__(self) -> int:
        """Open cases."""
        return len(self._cases)

    def knows(self, container_id: str) -> bool:
        """Whether the end of this container is told, or is being looked into."""
        return container_id in self._past or container_id in self._cases

    # Evidence

    def ended(self, record: ContainerRecord, ended: ProcessExit, now_ns: int) -> None:
        """The init of a container that is there has ended.

        With code 0 it is no proof yet (see ProcessExit): then the cgroup's end is waited for.
        """
        if record.kind is ContainerKind.SANDBOX:
            return
        if ended.signal is not None or ended.exit_code:
            self._open(record, now_ns)

    def gone(self, record: ContainerRecord, now_ns: int) -> None:
        """The cgroup of a container is gone, or of a sandbox."""
        if record.kind is ContainerKind.SANDBOX:
            self.sandbox_gone(record.place.pod_uid, now_ns)
            return
        case = self._open(record, now_ns)
        if case is not None and case.gone_ns is None:
            case.gone_ns = now_ns
            self._cases.touch(case)

    def pod_gone(self, pod_uid: str, now_ns: int) -> None:
        """The cgroup of a pod is gone."""
        self._stops.pod_gone(pod_uid, now_ns)
        self._touch_pod(pod_uid)

    def sandbox_gone(self, pod_uid: str, now_ns: int) -> None:
        """The sandbox of a pod ended; the pod may get another."""
        self._stops.sandbox_gone(pod_uid, now_ns)
        self._touch_pod(pod_uid)

    def _touch_pod(self, pod_uid: str) -> None:
        for case in self._cases.of_pod(pod_uid):
            self._cases.touch(case)

    def missed(self, place: CgroupPlace, names: Container, now_ns: int) -> None:
        """The runtime's list has a container that ended, and nobody here has seen that."""
        if self.knows(place.container_id):
            return
        if not self._past.known:
            self._past.hold(place, names)
            return
        case = Case(
            place=place,
            names=names,
            opened_ns=now_ns,
            kind=ContainerKind.CONTAINER,
            watched=False,
        )
        self._add(case, now_ns)
        self._out.append(EndWanted(place=place))

    def named(self, record: ContainerRecord) -> None:
        """A container's names, kind or init are known, or better known."""
        case = self._cases.get(record.names.id)
        if case is not None:
            if record.kind is ContainerKind.SANDBOX and case.entry is None:
                self._drop(case)
                self.sandbox_gone(record.place.pod_uid, case.opened_ns)
                return
            self._learn(case, record)
        if record.alive and record.names.name:
            for other in self._cases.of_name(record.names.pod_uid, record.names.name):
                if other is not case and other.succeeded_by(record):
                    other.came_again = True
                    self._cases.touch(other)

    def signalled(self, pid: int) -> None:
        """A signal to this process was heard of; the exit may have come first."""
        case = self._cases.of_init(pid)
        if case is not None:
            self._cases.touch(case)

    def sender(self, seen: SenderSeen) -> None:
        """The answer to SenderWanted."""
        case = self._cases.get(seen.container_id)
        if case is not None and seen.pid in case.senders:
            case.senders[seen.pid] = seen.cgroup
            self._cases.touch(case)

    def end(self, seen: EndSeen) -> None:
        """The runtime's last word, or that it has none."""
        case = self._cases.get(seen.place.container_id)
        if case is None:
            return
        case.answered = True
        if seen.record is not None:
            case.record, case.runtime_says = seen.record, seen.runtime_says
        if not case.watched and case.entry is None and self._is_nothing(case):
            return
        self._cases.touch(case)

    def incident(self, incident: OOMIncident) -> None:
        """An OOM incident in any revision."""
        container = incident.container
        if container is None or not container.id or incident.boot_id != self._boot_id:
            return
        self._killed.put(container.id, incident)
        case = self._cases.get(container.id)
        if case is not None:
            self._cases.touch(case)

    def disagreement(self, container_id: str, kind: Disagreement) -> None:
        """The runtime's word on this container contradicts the kernel."""
        case = self._cases.get(container_id)
        if case is not None:
            case.disagreement = kind
            self._cases.touch(case)

    def crossed(self, now_ns: int) -> None:
        """An eviction threshold of the kubelet is crossed at this moment."""
        self._stops.crossed(now_ns)

    # What follows

    def tick(self, now_ns: int) -> None:
        """Look again at what is open, and close what nothing more is to come of."""
        for case in self._cases:
            if not case.settled:
                self._cases.touch(case)
            age_ns = now_ns - case.opened_ns
            done = case.settled and (case.answered or age_ns >= SILENT_NS)
            if done and age_ns >= CLOSE_NS and not self._stops.waits(case, now_ns):
                self._drop(case)

    def flush(self, now_ns: int) -> list[Told]:
        """Every changed entry once, as a new revision, the evidence that is wanted, and how many
        ends cannot be told.

        One that raises ends this flush, as do too many at once; those behind come first in the
        next.
        """
        left = MAX_A_FLUSH
        for case in self._cases.changed():
            if now_ns - case.opened_ns < FIRST_NS or not case.ready(now_ns):
                continue  # until the next tick: in a storm there are hundreds
            self._tell(case, now_ns)
            left -= 1
            if not left:
                break
        if self._untold:
            detail = "too many containers ended at once: of some it is not told"
            self._out.append(SourceLost(source=CGROUPS, lost=self._untold, detail=detail))
            self._untold = 0
        out, self._out = self._out, []
        return out

    def _tell(self, case: Case, now_ns: int, *, last: bool = False) -> None:
        built = build(
            case,
            boot_id=self._boot_id,
            wall_offset_ns=self._offset_ns,
            deaths=self._deaths,
            incidents=self._killed.of(case.place.container_id),
            names_of=self._names_of,
            now_ns=now_ns,
            signals_since_ns=self._signals_since_ns(),
        )
        for sent in () if last else built.senders_wanted:
            case.senders[sent.sender_pid] = None
            wanted = SenderWanted(
                container_id=case.place.container_id,
                pid=sent.sender_pid,
                boottime_ns=sent.boottime_ns,
            )
            self._out.append(wanted)
        death = replace(
            built.death,
            stop_reason=self._stops.reason(case, built.death),
            settled=built.death.settled or last,
        )
        case.settled = death.settled
        if case.entry is None:
            case.entry = replace(death, revision=1)
            self._past.tell(case.place.container_id)
            self._out.append(ExitRecorded(death=case.entry))
        elif replace(death, revision=case.entry.revision) != case.entry:
            case.entry = replace(death, revision=case.entry.revision + 1)
            self._out.append(ExitAmended(death=case.entry))

    def _open(self, record: ContainerRecord, now_ns: int) -> Case | None:
        """The case of this container; None if its end was told and is closed."""
        container_id = record.place.container_id
        case = self._cases.get(container_id)
        if case is None and not self._past.told(container_id):
            case = Case(
                place=record.place,
                names=record.names,
                opened_ns=now_ns,
                strain=self._strain_at(record.id, now_ns),
            )
            self._past.drop(container_id)
            self._add(case, now_ns)
        if case is not None:
            self._learn(case, record)
        return case

    def _learn(self, case: Case, record: ContainerRecord) -> None:
        case.names, case.kind, case.watched = record.names, record.kind, True
        if record.init_pid is not None:
            case.init_pid, case.init_start_ns = record.init_pid, record.init_start_boottime_ns
        self._cases.file(case)
        self._cases.touch(case)

    def _restore(self, death: ContainerDeath, now_ns: int) -> None:
        self._past.tell(death.container.id)
        case = resumed(death, now_ns)
        late = now_ns - death.boottime_ns >= WAIT_NS
        if death.settled and (late or not self._stops.waits(case, now_ns)):
            return
        self._add(case, now_ns)
        if not death.settled:
            self._out.append(EndWanted(place=case.place))

    def _is_nothing(self, case: Case) -> bool:
        """Nothing to record, and the case is closed: it ended when others watched. One of which the
        runtime has said nothing may be asked about again: it may have had too many questions.
        """
        if case.record is None:
            self._drop(case)
            return True
        if self._past.has_seen(case.record.finished_wall_ns):
            self._drop(case)
            self._past.tell(case.place.container_id)
            return True
        return False

    def _add(self, case: Case, now_ns: int) -> None:
        """One that has to make room is told as it is; if it may be a sandbox, or the runtime's list
        alone says that it ended, only that there was one.
        """
        left = self._cases.add(case)
        if left is not None:
            left.settled = True
            if left.ready(now_ns):
                self._tell(left, now_ns, last=True)
            else:
                self._untold += 1
            self._killed.drop(left.place.container_id)

    def _drop(self, case: Case) -> None:
        self._cases.drop(case)
        self._killed.drop(case.place.container_id)
