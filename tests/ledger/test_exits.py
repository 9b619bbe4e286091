"""The exits ledger: one entry for each death, however it was told of, and across restarts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.ledger.deaths import DeathBook
from agent.ledger.docket import MAX_CASES
from agent.ledger.exits import CLOSE_NS, FIRST_NS, ExitsLedger
from agent.ledger.killed import MAX_INCIDENTS
from agent.ledger.stops import WAIT_NS
from agent.model.cgroup import CgroupId, CgroupPlace
from agent.model.death import ProcessExit, SignalSent
from agent.model.event import ExitAmended, ExitRecorded
from agent.model.evidence import (
    EndSeen,
    EndWanted,
    RuntimeRecord,
    SenderSeen,
    SenderWanted,
    SourceLost,
)
from agent.model.exits import ContainerDeath, Sender, StopReason, Strain, Verdict
from agent.model.oom import (
    Confidence,
    Container,
    Disagreement,
    LimitLevel,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
)
from agent.parse.cgroup_path import place
from tests.ledger.kernel import BOOT, CID, CONTAINER, SECOND, UID

INIT = 4711
RUNTIME = "/system.slice/containerd.service"
OFFSET = 1_000_000 * SECOND  # between the two clocks
NEXT = "7" * 64


def named(cid: str = CID, name: str = "gateway") -> Container:
    return Container(
        namespace="production", pod="api-1", pod_uid=UID, name=name, id=cid, names_from="cri"
    )


def container(cid: str = CID, name: str = "gateway", **fields: Any) -> ContainerRecord:
    known: dict[str, Any] = {
        "kind": ContainerKind.CONTAINER,
        "init_pid": INIT,
        "init_start_boottime_ns": SECOND,
        "first_seen_ns": SECOND,
    }
    return ContainerRecord(
        id=CgroupId(hierarchy="v2", inode=hash(cid) & 0xFFFF),
        place=place(CONTAINER.replace(CID, cid)),
        names=named(cid, name),
        **(known | fields),
    )


SANDBOX = container("5" * 64, "POD", kind=ContainerKind.SANDBOX, init_pid=4000)


class Bench:
    """A ledger, its book of deaths, and the clock."""

    def __init__(
        self,
        recovered: Iterable[ContainerDeath] = (),
        now: int = 100 * SECOND,
        since_wall_ns: int = 0,
        past_known: bool = True,
    ) -> None:
        self.now = now
        self.strain = Strain()
        self.book = DeathBook(max_signals=4)
        self.signals_since_ns: int | None = 0
        self.ledger = ExitsLedger(
            boot_id=BOOT,
            wall_offset_ns=OFFSET,
            deaths=self.book,
            names_of=lambda where: None,
            strain_at=lambda container, now_ns: self.strain,
            signals_since_ns=lambda: self.signals_since_ns,
            recovered=recovered,
            now_ns=now,
            since_wall_ns=since_wall_ns,
            past_known=past_known,
        )
        self.told: list[ExitRecorded | ExitAmended] = []
        self.asked: list[EndWanted] = []
        self.senders: list[SenderWanted] = []
        self.lost: list[SourceLost] = []
        self.flush()

    def flush(self) -> None:
        for output in self.ledger.flush(self.now):
            match output:
                case ExitRecorded() | ExitAmended():
                    self.told.append(output)
                case EndWanted():
                    self.asked.append(output)
                case SenderWanted():
                    self.senders.append(output)
                case SourceLost():
                    self.lost.append(output)

    def later(self, ns: int) -> None:
        self.now += ns
        self.ledger.tick(self.now)
        self.flush()

    def sent(
        self,
        number: int,
        comm: str = "runc",
        cgroup: str = RUNTIME,
        pid: int = INIT,
        delivered: bool = True,
    ) -> SignalSent:
        signal = SignalSent(
            boottime_ns=self.now,
            signal=number,
            code=0,
            sender_pid=77,
            sender_comm=comm,
            target_pid=pid,
            target_comm="work",
            to_group=True,
            delivered=delivered,
            sender_cgroup=cgroup,
        )
        self.book.sent(signal)
        self.ledger.signalled(pid)
        return signal

    def exit(self, code: int | None = None, number: int | None = None) -> None:
        ended = ProcessExit(
            pid=INIT, parent_pid=1, boottime_ns=self.now, exit_code=code, signal=number
        )
        self.book.ended(ended)
        self.ledger.ended(container(), ended, self.now)

    def stopped(self) -> None:
        """By the runtime, at once."""
        self.sent(15)
        self.exit(0)
        self.gone()
        self.later(SECOND)
        self.word(0)
        self.flush()

    def gone(self, record: ContainerRecord | None = None) -> None:
        self.ledger.gone(record or container(), self.now)

    def word(self, code: int | None, says: str = "Error", cid: str = CID, ago: int = 0) -> None:
        where = place(CONTAINER.replace(CID, cid))
        if code is None:
            self.ledger.end(EndSeen(place=where))
            return
        record = RuntimeRecord(
            exit_code=code,
            attempt=2,
            started_wall_ns=OFFSET + SECOND,
            finished_wall_ns=OFFSET + self.now - ago,
        )
        says = f"{says}, exit code {code}"
        self.ledger.end(EndSeen(place=where, runtime_says=says, record=record))

    def death(self) -> ContainerDeath:
        """The latest revision of the only death."""
        ids = {told.death.id for told in self.told}
        assert len(ids) == 1, ids
        recorded = [told for told in self.told if isinstance(told, ExitRecorded)]
        assert len(recorded) == 1
        assert [told.death.revision for told in self.told] == [*range(1, len(self.told) + 1)]
        return self.told[-1].death


def incident(outcome: Outcome = Outcome.DIED, init: Truth = Truth.YES) -> OOMIncident:
    return OOMIncident(
        id=f"{BOOT}/k1",
        boot_id=BOOT,
        revision=1,
        boottime_ns=100 * SECOND,
        wall_ns=1,
        limit_level=LimitLevel.CONTAINER,
        container=named(),
        victims=(Victim(pid=INIT, cgroup=CONTAINER, container_init=init),),
        outcome=outcome,
        confidence=Confidence.HIGH,
    )


def test_the_whole_story() -> None:
    """Told half a second after the exit, amended by the runtime's word, settled, then closed."""
    bench = Bench()
    bench.sent(15)
    bench.exit(number=15)
    bench.gone()
    bench.flush()
    assert bench.told == []
    bench.later(FIRST_NS)
    death = bench.death()
    assert (death.verdict, death.signal, death.settled) == (Verdict.STOPPED_BY_RUNTIME, 15, False)
    assert death.sender == Sender(
        pid=77, comm="runc", cgroup=RUNTIME, unit="containerd.service", container=None
    )
    assert death.id == f"{BOOT}/{CID}"
    assert death.boottime_ns == death.term_boottime_ns == 100 * SECOND
    assert death.wall_ns == OFFSET + 100 * SECOND
    bench.word(143)
    bench.later(SECOND)
    death = bench.death()
    assert death.settled
    assert (death.runtime_says, death.attempt) == ("Error, exit code 143", 2)
    assert death.witnesses == ("connector", "signals", "memory.events", "cri")
    assert (death.confidence, death.stop_reason) == (Confidence.HIGH, StopReason.UNKNOWN)
    bench.later(WAIT_NS)
    assert len(bench.ledger) == 0
    bench.gone()  # whoever tells of it again
    bench.later(SECOND)
    assert bench.death() is death


@pytest.mark.parametrize("order", ["egw", "gew", "gwe", "weg", "ewg"])
def test_any_order(order: str) -> None:
    """Exit, cgroup and word in any order make one entry, the same in the end."""
    bench = Bench()
    for letter in order:
        match letter:
            case "e":
                bench.exit(3)
            case "g":
                bench.gone()
            case _:
                bench.word(3)
        bench.later(FIRST_NS)
    if order[0] == "w":  # nobody had told the ledger that it ended: the cgroup will
        bench.word(3)
    bench.later(2 * SECOND)
    death = bench.death()
    assert (death.verdict, death.exit_code, death.settled) == (Verdict.EXITED, 3, True)


def test_a_leader_that_exits_with_0() -> None:
    """It can be another thread's execve: an end only once the cgroup goes."""
    bench = Bench()
    bench.exit(0)
    bench.later(5 * SECOND)
    assert bench.told == []
    bench.gone()
    bench.later(SECOND)
    assert (bench.death().verdict, bench.death().exit_code) == (Verdict.EXITED, 0)
    assert "connector" in bench.death().witnesses


def test_a_sandbox_is_no_container() -> None:
    """Its end is not told; nor that of what turns out to be one."""
    bench = Bench()
    bench.gone(SANDBOX)
    unknown = replace(SANDBOX, kind=ContainerKind.UNKNOWN)
    bench.gone(replace(unknown, place=place(CONTAINER.replace(CID, "6" * 64))))
    bench.later(SECOND)
    assert bench.told == []


def test_a_kind_that_becomes_known() -> None:
    """What may be a sandbox waits; once it is known as a container, it is told."""
    bench = Bench()
    bench.gone(container(kind=ContainerKind.UNKNOWN))
    bench.later(5 * SECOND)
    assert bench.told == []
    bench.ledger.named(container(died_ns=bench.now))
    bench.later(SECOND)
    assert bench.death().container.name == "gateway"


def test_the_signal_is_read_after_the_exit() -> None:
    """The first revision may not know who; the next does."""
    bench = Bench()
    bench.exit(number=9)
    bench.later(FIRST_NS)
    assert bench.death().verdict is Verdict.UNKNOWN
    bench.sent(9)
    bench.flush()
    assert bench.death().verdict is Verdict.KILLED_BY_RUNTIME


def test_a_sender_that_is_gone() -> None:
    """The recorder is asked where it was; until it answers, nothing is settled."""
    bench = Bench()
    bench.sent(9, cgroup="")
    bench.exit(number=9)
    bench.gone()
    bench.later(2 * SECOND)
    bench.word(137)
    bench.later(2 * SECOND)
    (wanted,) = bench.senders
    assert (wanted.pid, wanted.container_id) == (77, CID)
    assert not bench.death().settled
    bench.ledger.sender(SenderSeen(container_id=CID, pid=77, cgroup=RUNTIME))
    bench.flush()
    assert bench.death().settled
    assert bench.death().confidence is Confidence.HIGH
    assert len(bench.senders) == 1


def test_an_oom_kill_that_the_ledger_settles_later() -> None:
    """SIGKILL without a sender waits for the OOM ledger."""
    bench = Bench()
    bench.exit(number=9)
    bench.gone()
    bench.later(SECOND)
    bench.word(137)
    bench.later(4 * SECOND)
    assert not bench.death().settled
    bench.ledger.incident(incident(Outcome.OPEN))
    bench.flush()
    assert bench.death().verdict is Verdict.OOM_CONTAINER_LIMIT
    bench.ledger.incident(incident())
    bench.flush()
    death = bench.death()
    assert death.settled
    assert death.incident_ids == (f"{BOOT}/k1",)


def test_a_container_that_lost_very_many_children() -> None:
    """Its entry names the last of the incidents, in all revisions and after a restart."""
    bench = Bench()
    lost = incident(Outcome.SURVIVED, init=Truth.NO)
    for number in range(1000):
        bench.ledger.incident(replace(lost, id=f"{BOOT}/k{number}", boottime_ns=number * 1_000_000))
    last = tuple(f"{BOOT}/k{number}" for number in range(1000 - MAX_INCIDENTS, 1000))
    bench.exit(3)
    bench.gone()
    bench.word(3)
    bench.later(3 * SECOND)
    assert bench.death().incident_ids == last
    second = Bench([replace(bench.death(), settled=False)], now=bench.now)
    second.ledger.incident(replace(lost, id=f"{BOOT}/k1000", boottime_ns=SECOND))
    second.word(3)
    second.later(3 * SECOND)
    assert second.told[-1].death.incident_ids == (*last[1:], f"{BOOT}/k1000")


def test_a_stale_reason() -> None:
    """A child's OOM kill, then a stop: the runtime still says OOMKilled, and is contradicted."""
    bench = Bench()
    bench.ledger.incident(incident(Outcome.SURVIVED, init=Truth.NO))
    bench.sent(15)
    bench.exit(143)
    bench.gone()
    bench.later(SECOND)
    bench.word(143, "OOMKilled")
    bench.later(SECOND)
    bench.ledger.disagreement(CID, Disagreement.REPORTED_WITHOUT_DEATH)
    bench.flush()
    death = bench.death()
    assert (death.verdict, death.exit_code) == (Verdict.STOPPED_BY_RUNTIME, 143)
    assert death.runtime_says == "OOMKilled, exit code 143"
    assert death.disagreement is Disagreement.REPORTED_WITHOUT_DEATH


def test_a_silent_runtime() -> None:
    """A minute without its word, and it is settled; the word still amends it, much later."""
    bench = Bench()
    bench.exit(3)
    bench.gone()
    bench.later(59 * SECOND)
    assert not bench.death().settled
    bench.later(SECOND)
    assert bench.death().settled
    bench.later(1000 * SECOND)
    bench.word(3)
    bench.flush()
    assert bench.death().runtime_says == "Error, exit code 3"


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        ("nothing", StopReason.UNKNOWN),
        ("again", StopReason.RESTART),
        ("sandbox", StopReason.DELETION),
        ("pod", StopReason.DELETION),
        ("evicted", StopReason.EVICTION),
        ("other", StopReason.UNKNOWN),
    ],
)
def test_stop_reason(happens: str, reason: StopReason) -> None:
    """What comes after a stop tells why."""
    bench = Bench()
    if happens == "evicted":
        bench.ledger.crossed(bench.now - 20 * SECOND)
    bench.sent(15)
    bench.exit(0)
    bench.gone()
    bench.later(SECOND)
    bench.word(0)
    bench.later(10 * SECOND)
    match happens:
        case "again":
            bench.ledger.named(container(NEXT, init_pid=5000))
        case "other":
            bench.ledger.named(container(NEXT, "proxy", init_pid=5000))
        case "sandbox" | "evicted":
            bench.gone(SANDBOX)
        case "pod":
            bench.ledger.pod_gone(UID, bench.now)
        case _:
            pass
    bench.flush()
    assert bench.death().stop_reason is reason
    bench.later(CLOSE_NS)
    assert bench.death().stop_reason is reason


def test_a_sandbox_that_is_replaced() -> None:
    """The kubelet stops a broken sandbox and makes another for the same pod: a restart."""
    bench = Bench()
    bench.stopped()
    bench.gone(SANDBOX)
    bench.later(SECOND)
    assert bench.death().stop_reason is StopReason.DELETION
    bench.later(CLOSE_NS)
    bench.ledger.named(container(NEXT, init_pid=5000))
    bench.flush()
    assert bench.death().stop_reason is StopReason.RESTART


def test_a_pod_that_goes_later() -> None:
    """Killed, in back-off, and the pod is deleted minutes later: that is not why it was killed."""
    bench = Bench()
    bench.stopped()
    bench.later(540 * SECOND)
    bench.ledger.pod_gone(UID, bench.now)
    bench.flush()
    assert bench.death().stop_reason is StopReason.UNKNOWN


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (-300, -61, StopReason.DELETION),
        (-300, -59, StopReason.EVICTION),
        (-300, 300, StopReason.EVICTION),
        (6, 300, StopReason.DELETION),  # because of what came after, perhaps
    ],
)
def test_when_a_threshold_was_crossed(first: int, last: int, reason: StopReason) -> None:
    """What counts is the minute before the stop."""
    bench = Bench(now=1000 * SECOND)
    for at in range(first, last + 1):
        bench.ledger.crossed(bench.now + at * SECOND)
    bench.stopped()
    bench.ledger.pod_gone(UID, bench.now)
    bench.flush()
    assert bench.death().stop_reason is reason


@pytest.mark.parametrize(
    ("code", "verdict", "confidence"),
    [
        (143, Verdict.UNKNOWN, Confidence.LOW),  # SIGTERM, answered with 143: or its own doing
        (130, Verdict.UNKNOWN, Confidence.LOW),
        (1, Verdict.EXITED, Confidence.LOW),
        (0, Verdict.EXITED, Confidence.LOW),
    ],
)
@pytest.mark.parametrize("blind", ["off", "lately", "flooded"])
def test_signals_that_are_not_seen(
    blind: str, code: int, verdict: Verdict, confidence: Confidence
) -> None:
    """That no signal was heard of is no proof that none was sent."""
    bench = Bench()
    match blind:
        case "off":
            bench.signals_since_ns = None
        case "lately":  # restarted, or the ring was overrun
            bench.signals_since_ns = bench.now - 29 * SECOND
        case _:
            for pid in range(1, 6):
                bench.sent(15, pid=pid)
    bench.exit(code)
    bench.gone()
    bench.later(SECOND)
    bench.word(code)
    bench.flush()
    assert (bench.death().verdict, bench.death().confidence) == (verdict, confidence)


def test_a_signal_that_is_not_delivered_hides_none() -> None:
    """The first SIGTERM came before its handler, the second was obeyed."""
    bench = Bench()
    first = bench.sent(15, delivered=False)
    bench.later(SECOND)
    bench.sent(15)
    bench.exit(143)
    bench.gone()
    bench.later(SECOND)
    death = bench.death()
    assert (death.verdict, death.confidence) == (Verdict.STOPPED_BY_RUNTIME, Confidence.HIGH)
    assert death.term_boottime_ns == first.boottime_ns


def test_too_many_at_once() -> None:
    """One that has to make room is told as it is, and not forgotten."""
    bench = Bench()
    for number in range(MAX_CASES + 3):
        record = container(f"{number:064x}", f"c{number}", init_pid=None)
        bench.ledger.gone(record, bench.now)
    bench.flush()
    told = [each.death for each in bench.told]
    assert [death.container.name for death in told] == ["c0", "c1", "c2"]
    assert all(death.settled for death in told)
    assert len(bench.ledger) == MAX_CASES


def test_too_many_of_which_little_is_known() -> None:
    """Whether it was a container, or how it ended: what cannot be told is a gap."""
    bench = Bench()
    found_in_list(bench)
    unknown = container(NEXT, kind=ContainerKind.UNKNOWN, init_pid=None)
    bench.gone(unknown)
    bench.flush()
    for number in range(MAX_CASES):
        record = container(f"{number:064x}", f"c{number}", init_pid=None)
        bench.ledger.gone(record, bench.now)
    bench.flush()
    bench.flush()
    detail = "too many containers ended at once: of some it is not told"
    assert bench.lost == [SourceLost(source="memory.events", lost=2, detail=detail)]
    assert bench.told == []


def test_what_the_kernel_said_is_kept() -> None:
    """A reason that comes late does not undo a verdict whose signals are forgotten by then."""
    bench = Bench()
    bench.sent(9)
    bench.exit(number=9)
    bench.gone()
    bench.word(137)
    bench.later(3 * SECOND)
    bench.book._signals._items.clear()  # pushed out by others
    bench.later(30 * SECOND)
    bench.ledger.named(container(NEXT, init_pid=5000))
    bench.flush()
    death = bench.death()
    assert (death.verdict, death.stop_reason) == (Verdict.KILLED_BY_RUNTIME, StopReason.RESTART)
    assert death.sender is not None


# Restarts of the agent


def found_in_list(bench: Bench, cid: str = CID) -> None:
    where = CgroupPlace(path="", level=place(CONTAINER).level, pod_uid=UID, container_id=cid)
    bench.ledger.missed(where, named(cid), bench.now)


def test_a_death_while_the_agent_was_down() -> None:
    """From the runtime's record, with low confidence; of a signal nothing is invented."""
    bench = Bench()
    found_in_list(bench)
    found_in_list(bench, NEXT)
    found_in_list(bench, NEXT)
    bench.flush()
    assert [wanted.place.container_id for wanted in bench.asked] == [CID, NEXT]
    bench.later(SECOND)
    assert bench.told == []
    bench.word(3, ago=20 * SECOND)
    bench.word(137, cid=NEXT, ago=20 * SECOND)
    bench.later(20 * SECOND)
    latest = {told.death.container.id: told.death for told in bench.told}
    code, killed = latest[CID], latest[NEXT]
    assert (code.verdict, code.exit_code, code.confidence) == (Verdict.EXITED, 3, Confidence.LOW)
    assert code.boottime_ns == 81 * SECOND
    assert (killed.verdict, killed.signal, killed.exit_code) == (Verdict.UNKNOWN, None, 137)
    assert code.settled
    assert killed.settled
    assert killed.witnesses == ("cri",)


@pytest.mark.parametrize("ago", [200 * SECOND, 50 * SECOND])
def test_an_end_that_others_have_seen(ago: int) -> None:
    """Before this boot, or before the last that a former run has stored: not told again."""
    bench = Bench(since_wall_ns=OFFSET + 70 * SECOND)
    found_in_list(bench)
    bench.word(3, ago=ago)
    bench.later(5 * SECOND)
    assert bench.told == []
    assert bench.ledger.knows(CID)


def test_the_runtime_has_no_record() -> None:
    """Of a container that it has forgotten by then there is nothing to tell."""
    bench = Bench()
    found_in_list(bench)
    bench.word(None)
    bench.later(100 * SECOND)
    assert bench.told == []


def test_the_runtime_was_not_asked() -> None:
    """Of one of too many, or while it was silent: at its next list it is asked again."""
    bench = Bench()
    found_in_list(bench)
    bench.word(None)
    bench.later(100 * SECOND)
    assert not bench.ledger.knows(CID)
    found_in_list(bench)
    bench.word(3, ago=300 * SECOND)  # before this boot
    bench.later(5 * SECOND)
    assert bench.told == []
    assert bench.ledger.knows(CID)
    found_in_list(bench, NEXT)
    bench.word(None, cid=NEXT)
    bench.later(SECOND)
    found_in_list(bench, NEXT)
    bench.word(3, cid=NEXT, ago=2 * SECOND)
    bench.later(SECOND)
    assert bench.death().exit_code == 3


def ended(bench: Bench, code: int = 3) -> ContainerDeath:
    """A container's whole story."""
    bench.exit(code)
    bench.gone()
    bench.word(code)
    bench.later(3 * SECOND)
    return bench.death()


def test_a_journal_that_opens_late() -> None:
    """What the runtime's list alone tells waits for it: a former run may have told it."""
    first = ended(Bench())
    bench = Bench(now=200 * SECOND, past_known=False)
    for _ in range(2):
        found_in_list(bench)
        found_in_list(bench, NEXT)
        bench.later(SECOND)
    assert (bench.told, bench.asked) == ([], [])
    assert bench.ledger.knows(CID)
    bench.ledger.adopt([first], (), bench.now, OFFSET + 150 * SECOND)
    bench.later(SECOND)
    assert [wanted.place.container_id for wanted in bench.asked] == [NEXT]
    bench.word(0, cid=NEXT, ago=10 * SECOND)
    bench.later(3 * SECOND)
    assert bench.death().container.id == NEXT
    found_in_list(bench)
    bench.later(SECOND)
    assert bench.death().container.id == NEXT


def test_a_death_that_was_told_before_the_journal_opened() -> None:
    """It is not told again; that a former run had told it too, makes one story of the two."""
    former = replace(ended(Bench()), revision=7)
    bench = Bench(past_known=False)
    mine = ended(bench)
    bench.ledger.adopt([former, former], (), bench.now, 0)
    bench.later(SECOND)
    assert [type(told) for told in bench.told].count(ExitRecorded) == 1
    assert bench.told[-1].death.revision in (mine.revision, 8)
    bench.later(CLOSE_NS)
    told = list(bench.told)
    bench.ledger.adopt([former], (), bench.now, 0)
    found_in_list(bench)
    bench.later(CLOSE_NS)
    assert bench.told == told


def test_an_open_case_that_a_former_run_has_told() -> None:
    """Its cgroup outlived that run: the entry goes on, with the former run's words."""
    first = Bench()
    first.sent(9)
    first.exit(number=9)
    first.later(FIRST_NS)
    told = first.death()
    bench = Bench(now=first.now, past_known=False)
    bench.gone(container(init_pid=None))
    bench.ledger.adopt([told], (), bench.now, 0)
    bench.word(137)
    bench.later(3 * SECOND)
    assert all(isinstance(each, ExitAmended) for each in bench.told)
    death = bench.told[-1].death
    assert (death.verdict, death.settled) == (Verdict.KILLED_BY_RUNTIME, True)
    assert death.revision > told.revision


def test_a_former_run_has_told_it() -> None:
    """An open entry goes on where it was, a settled one is not told again."""
    first = Bench()
    first.sent(9)
    first.exit(number=9)
    first.later(FIRST_NS)
    told = first.death()
    second = Bench([told], now=first.now + 10 * SECOND)
    assert [wanted.place.container_id for wanted in second.asked] == [CID]
    found_in_list(second)
    second.gone(container(init_pid=None))
    second.word(137)
    second.later(3 * SECOND)
    assert all(isinstance(each, ExitAmended) for each in second.told)
    death = second.told[-1].death
    assert death.settled
    assert death.revision == told.revision + len(second.told)
    assert (death.id, death.boottime_ns) == (told.id, told.boottime_ns)
    assert (death.verdict, death.signal) == (Verdict.KILLED_BY_RUNTIME, 9)
    assert death.sender == told.sender
    assert death.runtime_says == "Error, exit code 137"
    third = Bench([replace(death, stop_reason=StopReason.RESTART)], now=second.now)
    found_in_list(third)
    third.gone()
    third.later(5 * SECOND)
    assert (third.told, third.asked) == ([], [])


def test_a_reason_that_comes_after_a_restart_of_the_agent() -> None:
    """A stop whose reason was open is still watched."""
    first = Bench()
    first.sent(15)
    first.exit(0)
    first.gone()
    first.word(0)
    first.later(3 * SECOND)
    second = Bench([first.death()], now=first.now)
    second.ledger.named(container(NEXT, init_pid=5000))
    second.later(SECOND)
    assert [told.death.stop_reason for told in second.told] == [StopReason.RESTART]


def test_how_things_stood_at_the_first_sign_of_the_end() -> None:
    """Later figures are of another time; a restarted agent keeps what was told."""
    first = Bench()
    first.strain = Strain(
        memory_working_set=70,
        memory_limit=128,
        cpu_throttled_ratio=0.9,
        node_cpu_pressure_some=81.0,
    )
    first.exit(3)
    first.strain = Strain(memory_working_set=1)
    first.gone()
    first.later(SECOND)
    told = first.death()
    assert (told.memory_working_set, told.memory_limit) == (70, 128)
    assert (told.node_cpu_pressure_some, told.cpu_pressure_some) == (81.0, None)
    assert told.cpu_throttled_ratio == 0.9
    second = Bench([told], now=first.now)
    second.word(3)
    second.later(3 * SECOND)
    assert second.told
    kept = second.told[-1].death
    assert (kept.memory_working_set, kept.cpu_throttled_ratio) == (70, 0.9)


@pytest.mark.parametrize("count", [100, 400])
def test_a_burst(count: int) -> None:
    """Hundreds of ends at once: each told exactly once, each settled; in more than one go."""
    bench = Bench()
    ids = [f"{number:064x}" for number in range(count)]
    for number, cid in enumerate(ids):
        bench.gone(container(cid, f"c{number}", init_pid=None))
    for cid in ids:
        bench.word(0, "Completed", cid=cid)
        bench.flush()
    bench.later(3 * SECOND)
    bench.flush()
    recorded = [told.death.container.id for told in bench.told if isinstance(told, ExitRecorded)]
    assert sorted(recorded) == ids
    latest = {told.death.container.id: told.death for told in bench.told}
    assert all(death.settled for death in latest.values())
