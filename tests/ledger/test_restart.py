"""The OOM ledger over starts and restarts: nothing lost, nothing double, no claim too many."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.ledger.naming import NAMES_NS
from agent.ledger.oom import OOMLedger
from agent.model.cgroup import CgroupPlace
from agent.model.event import OOMAmended, OOMRecorded
from agent.model.evidence import FateSeen, FateWanted, ForgedSeen, TraceSeen, VmstatSeen
from agent.model.kmsg import TraceVictim
from agent.model.oom import Attribution, Container, Outcome
from tests.ledger.kernel import BOOT, CONTAINER, OTHER, POD, SECOND, SETTLE, Kernel, captured


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_start_after_the_kills() -> None:
    """The ring still holds the lines: the same incidents as if we had watched, and no claim about
    outcomes.
    """
    kernel = Kernel()
    kernel.header(829, CONTAINER, CONTAINER, heard=False)
    kernel.kill(829, heard=False)
    kernel.now += 60 * SECOND
    kernel.start()
    (incident,) = kernel.incidents()
    assert incident.id.endswith("/k404")
    assert incident.outcome is Outcome.OPEN
    (wanted,) = kernel.wanted()
    assert isinstance(wanted, FateWanted)
    assert not wanted.live
    assert kernel.ledger.books().victims == 1


def test_start_after_the_ring_went_round() -> None:
    """Kills from before the first start whose lines are gone: unattributed, and said to be from
    before.
    """
    kernel = Kernel()
    kernel.oom_kill = 7
    kernel.start()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.counted, books.unattributed, books.unattributed_before_start) == (7, 7, 7)


def test_killed_and_restarted() -> None:
    """From a checkpoint: what was booked is not booked again, what happened meanwhile is, ids and
    sums go on.
    """
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER)
    kernel.kill(1, capture=captured(1))
    kernel.flush()
    before = kernel.incidents()
    checkpoint = kernel.ledger.checkpoint()
    kernel.header(2, CONTAINER, CONTAINER, heard=False)
    kernel.kill(2, heard=False)
    kernel.out.clear()
    kernel.start(type(checkpoint).decode(checkpoint.encode()), before)
    recorded = [o.incident.victims[0].pid for o in kernel.out if isinstance(o, OOMRecorded)]
    assert recorded == [2]
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.pending, books.balanced) == (2, 2, 0, True)


def test_restart_in_the_middle_of_a_group_kill() -> None:
    """The first victim is in the journal, the rest is not: the same incident goes on, and its
    repeat is one.
    """
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER)
    kernel.kill(1)
    before = kernel.incidents()
    checkpoint = kernel.ledger.checkpoint()
    kernel.group(CONTAINER)
    kernel.kill(2, heard=False)
    kernel.kill(1, heard=False)
    kernel.out.clear()
    kernel.start(checkpoint, before)
    (incident,) = kernel.incidents()
    assert incident.id == before[0].id
    assert incident.revision == 2
    assert [(v.pid, v.repeats) for v in incident.victims] == [(1, 1), (2, 0)]
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.repeats) == (3, 2, 1)


@pytest.mark.parametrize("risen", [True, False], ids=["only its pod", "nothing"])
def test_the_recorder_is_asked_again(risen: bool) -> None:
    """The former run was killed before it had the recorder's answer, and had booked a kill on its
    pod, by the counter, or given it up: the next run asks again, once.
    """
    kernel = Kernel()
    kernel.counters(POD, 0)
    kernel.kill(1)
    if risen:
        kernel.counters(POD, 1)
    kernel.wait()
    before = kernel.incidents()
    attribution = Attribution.COUNTER if risen else Attribution.NONE
    assert [v.attribution for v in before[0].victims] == [attribution]
    kernel.start(kernel.ledger.checkpoint(), before)
    assert [wanted.victims for wanted in kernel.asked] == [((1, before[0].boottime_ns),)]
    kernel.recorder(CONTAINER)
    (incident,) = kernel.incidents()
    assert (incident.id, incident.revision) == (before[0].id, before[0].revision + 1)
    assert [(v.cgroup, v.attribution) for v in incident.victims] == [
        (CONTAINER, Attribution.RECORDER)
    ]
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.balanced) == (1, 0, True)
    kernel.wait()
    kernel.start(kernel.ledger.checkpoint(), [incident])
    assert not kernel.asked


def test_a_recorder_that_knows_nothing_is_asked_once_a_run() -> None:
    """What it does not know stays as it is, and is settled."""
    kernel = Kernel()
    kernel.kill(1)
    kernel.wait()
    before = kernel.incidents()
    kernel.start(kernel.ledger.checkpoint(), before)
    assert len(kernel.asked) == 1
    kernel.asked.clear()
    kernel.out.clear()
    kernel.wait()
    kernel.wait()
    assert (kernel.asked, kernel.out) == ([], [])
    assert kernel.ledger.books().unattributed == 1


def test_checkpoint_of_another_boot_is_ignored() -> None:
    """Counters start again at boot, and so do the books."""
    kernel = Kernel()
    kernel.kill(1, capture=captured(1))
    checkpoint = kernel.ledger.checkpoint()
    fresh = Kernel(sequence=0)
    fresh.start(replace(checkpoint, boot_id="another"))
    assert fresh.ledger.books().victims == 0


def test_kill_right_after_a_start_does_not_hide_an_older_one() -> None:
    """All counts from before the first start are said to be from before, whatever comes next."""
    kernel = Kernel()
    kernel.oom_kill = 7
    kernel.start()
    kernel.kill(1, capture=captured(1))
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.unattributed) == (8, 1, 7)
    assert books.unattributed_before_start == 7


def test_restart_while_a_victim_has_no_cgroup() -> None:
    """An open incident without a place owes no fate: nothing is due at once, for ever."""
    kernel = Kernel()
    kernel.kill(5)
    before = kernel.incidents()
    kernel.start(kernel.ledger.checkpoint(), before)
    assert kernel.ledger.next_due_ns() is None
    kernel.wait()
    (incident,) = kernel.incidents()
    assert incident.unattributed
    assert kernel.ledger.books().unattributed == 1
    assert kernel.ledger.next_due_ns() is None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_pod_that_is_named_late(*, restarted: bool) -> None:
    """Its container is gone and its fate is known: the incident gets the names all the same, for
    as long as a counter waits for them; in a new run of the agent as well.
    """
    kernel = Kernel()
    named, kernel.names.names = kernel.names.names, nobody
    kernel.header(5, CONTAINER, CONTAINER)
    kernel.kill(5)
    kernel.wait()
    (incident,) = kernel.incidents()
    kernel.ledger.fold(FateSeen(incident_id=incident.id, init_alive=False), kernel.now)
    if restarted:
        kernel.start(kernel.ledger.checkpoint(), kernel.incidents())
    kernel.wait(SECOND)
    (incident,) = kernel.incidents()
    assert incident.outcome is Outcome.DIED
    assert incident.container is not None
    assert not incident.container.pod
    kernel.wait(NAMES_NS // 2)
    kernel.names.names = named
    kernel.wait(SECOND)
    (incident,) = kernel.incidents()
    assert incident.container is not None
    assert incident.container.pod == "web"


def test_a_pod_that_nobody_names() -> None:
    """It is asked for as long as a counter waits; then the incident is settled without."""
    kernel = Kernel()
    asked = []

    def names(place: CgroupPlace) -> Container | None:
        asked.append(place)
        return nobody(place)

    kernel.names.names = names
    kernel.header(5, CONTAINER, CONTAINER)
    kernel.kill(5)
    kernel.wait()
    (incident,) = kernel.incidents()
    kernel.ledger.fold(FateSeen(incident_id=incident.id, init_alive=False), kernel.now)
    kernel.wait(NAMES_NS)
    asked.clear()
    kernel.wait()
    kernel.wait()
    assert not asked


def nobody(place: CgroupPlace) -> Container | None:
    """A directory that knows what the path tells."""
    return Container(pod_uid=place.pod_uid, id=place.container_id, names_from="cgroup")


def test_forged_line_is_counted_once(kernel: Kernel) -> None:
    """The ring is read again after a restart; what was forged then is not forged anew."""
    kernel.ledger.fold(ForgedSeen(sequence=9), kernel.now)
    kernel.start(kernel.ledger.checkpoint())
    kernel.ledger.fold(ForgedSeen(sequence=9), kernel.now)
    kernel.ledger.fold(ForgedSeen(sequence=10), kernel.now)
    assert kernel.ledger.books().disbelieved == 2


def test_books_are_summed_up_from_incidents_without_a_checkpoint() -> None:
    """After an upgrade that cannot read the checkpoint the incidents themselves are the books."""
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER)
    kernel.kill(1)
    kernel.group(CONTAINER)
    kernel.kill(2)
    kernel.kill(1)
    before = kernel.incidents()
    kernel.start(None, before)
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.repeats) == (3, 2, 1)
    assert books.unattributed == 0


def test_lost_kills_stay_old_without_a_checkpoint() -> None:
    """What was lost before is from before; a kill that is lost after the start is not."""
    kernel = Kernel()
    kernel.oom_kill = 5
    kernel.start()
    kernel.kill(1, capture=captured(1))
    kernel.wait()
    before = kernel.incidents()
    kernel.start(None, before)
    kernel.wait()
    assert kernel.ledger.books().unattributed_before_start == 5
    kernel.oom_kill += 1
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.unattributed, books.unattributed_before_start) == (6, 5)
    assert books.balanced


def test_a_line_takes_back_a_count_of_its_own_time() -> None:
    """kmsg is opened late: a line from before the first run takes back one that was lost before,
    a later one takes back a later one. They are incidents of their own.
    """
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER, heard=False)
    kernel.kill(1, heard=False)
    early, kernel.lines = kernel.lines, []
    kernel.now += SECOND
    kernel.start()
    kernel.now += SECOND
    kernel.header(2, CONTAINER, CONTAINER, heard=False)
    kernel.kill(2, heard=False)
    late, kernel.lines = kernel.lines, []
    kernel.count()
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.unattributed, books.unattributed_before_start) == (2, 1)
    lost = [i for i in kernel.incidents() if i.counted]
    first_ns = kernel.ledger.first_run_ns
    assert first_ns is not None
    assert [i.boottime_ns < first_ns for i in lost] == [True, False]
    for lines, left in ((early, (1, 0)), (late, (0, 0))):
        for line in lines:
            kernel.ledger.fold(line, kernel.now)
            kernel.count()
        kernel.wait()
        books = kernel.ledger.books()
        assert (books.unattributed, books.unattributed_before_start) == left
    assert (books.victims, books.balanced) == (2, True)


def test_unreadable_count_reclaims_nothing() -> None:
    """A line whose count cannot be read waits for it; an old lost count is not its own."""
    kernel = Kernel()
    kernel.oom_kill += 1
    kernel.count()
    kernel.wait(3 * SECOND)
    kernel.kill(7, capture=captured(7), count=False)
    kernel.ledger.fold(VmstatSeen(oom_kill=None), kernel.now)
    assert kernel.ledger.books().unattributed == 1
    kernel.count()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed) == (1, 1)


def traced(kernel: Kernel, pid: int) -> TraceSeen:
    """A mark_victim as the recorder tells it again, at this moment."""
    victim = TraceVictim(timestamp_us=kernel.now // 1000, pid=pid)
    return TraceSeen(boottime_ns=kernel.now, victim=victim)


def replay(kernel: Kernel, seen: list[TraceSeen]) -> None:
    """What a start does with the recorder, in Node.begin: before the lines are read."""
    since_ns = kernel.ledger.written_until_ns()
    for item in seen:
        if item.boottime_ns >= since_ns:
            kernel.ledger.fold(item, kernel.now)
    kernel.count()
    kernel.ledger.reconciled()


def test_recorder_tells_of_what_is_booked() -> None:
    """It changes nothing: no revision, no sum, and nothing that could stand for a later count."""
    kernel = Kernel()
    seen = []
    for pid in (1, 2):
        kernel.header(pid, CONTAINER, CONTAINER)
        seen.append(traced(kernel, pid))
        kernel.ledger.fold(seen[-1], kernel.now)
        kernel.kill(pid, capture=captured(pid))
        kernel.now += 20 * SECOND
    kernel.flush()
    before, books = kernel.incidents(), kernel.ledger.books()
    kernel.out.clear()
    kernel.start(kernel.ledger.checkpoint(), before)
    kernel.out.clear()
    replay(kernel, seen)
    kernel.flush()
    assert not [out for out in kernel.out if isinstance(out, OOMRecorded | OOMAmended)]
    assert kernel.ledger.books() == books


def test_dying_tasks_in_the_recorder_explain_no_new_count() -> None:
    """Marked, never counted, judged by a former run: a later count is not theirs."""
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER)
    kernel.kill(1, capture=captured(1))
    kernel.flush()
    old, young = traced(kernel, 77), traced(kernel, 78)
    kernel.now += 60 * SECOND
    kernel.start(kernel.ledger.checkpoint(), kernel.incidents())
    replay(kernel, [old, young])
    kernel.oom_kill += 1
    kernel.count()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed) == (1, 1)


def test_consumed_and_not_written_down() -> None:
    """The kernel's log went round, the trace was consumed before SIGKILL: the recorder has it."""
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER)
    kernel.kill(1, capture=captured(1))
    kernel.flush()
    point, before = kernel.ledger.checkpoint(), kernel.incidents()
    kernel.now += 60 * SECOND
    kernel.oom_kill += 1
    seen = [traced(kernel, 2)]
    kernel.lines.clear()
    kernel.start(point, before)
    replay(kernel, seen)
    kernel.wait()
    assert {2} <= {victim.pid for incident in kernel.incidents() for victim in incident.victims}


def test_a_kill_that_was_given_up_before_the_count_could_be_read() -> None:
    """It is in the first count, whenever that is read, and leaves it as it came; a kill that is
    missed later is no part of it.
    """
    kernel = Kernel()
    blind = VmstatSeen(oom_kill=None)
    kernel.ledger = fresh(kernel)
    kernel.ledger.fold(blind, kernel.now)
    kernel.kill(7, count=False)
    kernel.now += 3 * SECOND
    kernel.ledger.tick(kernel.now)
    kernel.flush()
    kernel.count()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.unattributed, books.unattributed_before_start) == (1, 1)
    kernel.oom_kill += 1
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.unattributed, books.unattributed_before_start) == (2, 1)
    kernel.recorder(CONTAINER)
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.unattributed_before_start) == (1, 1, 0)
    assert books.balanced


@pytest.mark.parametrize("known", [True, False])
def test_a_checkpoint_of_a_run_that_never_read_the_count(known: bool) -> None:
    """All that it has booked is in the first count of the next."""
    kernel = Kernel()
    kernel.ledger = fresh(kernel)
    kernel.kill(7, count=False)
    kernel.now += 3 * SECOND
    kernel.ledger.tick(kernel.now)
    before = kernel.incidents()
    point = replace(kernel.ledger.checkpoint(), before_start=0, explained_early=0)
    kernel.start(point if known else None, before)
    kernel.recorder(CONTAINER)
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.unattributed_before_start) == (1, 0, 0)


def fresh(kernel: Kernel) -> OOMLedger:
    """One that has read no count yet."""
    return OOMLedger(
        boot_id=BOOT,
        settle_ns=SETTLE,
        hold_ns=SETTLE,
        directory=kernel.names,
        wall_offset_ns=SECOND,
    )


def test_a_counter_explains_a_kill_from_before_the_first_run() -> None:
    """In a pod that lives on: one that is missed later is not taken for it, and the operator is
    warned of that.
    """
    kernel = Kernel()
    kernel.now += SECOND
    kernel.oom_kill = 1
    kernel.start()
    kernel.counters(OTHER, 1)
    kernel.counters(POD, 1)
    kernel.wait()
    kernel.now += 60 * SECOND
    kernel.oom_kill += 1
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.unattributed_before_start) == (1, 1, 0)
    early, late = kernel.incidents()
    first_ns = kernel.ledger.first_run_ns
    assert first_ns is not None
    assert early.boottime_ns < first_ns <= late.boottime_ns


@pytest.mark.parametrize("counts", [1, 2])
def test_a_counter_has_early_kills_and_later_ones(counts: int) -> None:
    """Of an excess what stood there at the first reading is from before, and no more."""
    kernel = Kernel()
    kernel.now += SECOND
    kernel.oom_kill = 1
    kernel.start()
    kernel.counters(POD, 1)
    kernel.oom_kill = counts
    kernel.counters(POD, counts)
    kernel.wait()
    kernel.wait()
    first_ns = kernel.ledger.first_run_ns
    assert first_ns is not None
    early = [i.counted for i in kernel.incidents() if i.boottime_ns < first_ns]
    late = [i.counted for i in kernel.incidents() if i.boottime_ns >= first_ns]
    assert (sum(early), sum(late)) == (1, counts - 1)


def test_a_line_from_before_the_first_run_names_what_was_noticed_later() -> None:
    """The kernel's log is read late: the kill moves to its own time, and what is missed later is
    not called early in its place.
    """
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER, heard=False)
    kernel.kill(1, heard=False)
    lines, kernel.lines = kernel.lines, []
    kernel.now += SECOND
    kernel.start()
    kernel.counters(CONTAINER, 0)
    kernel.counters(CONTAINER, 1)
    kernel.wait(3 * SECOND)
    first_ns = kernel.ledger.first_run_ns
    assert first_ns is not None
    (noticed,) = kernel.incidents()
    assert noticed.boottime_ns >= first_ns
    for line in lines:
        kernel.ledger.fold(line, kernel.now)
        kernel.count()
    left, moved = kernel.incidents()
    assert (left.counted, moved.counted, moved.moved_from) == (0, 1, (noticed.id,))
    assert moved.boottime_ns < first_ns
    kernel.oom_kill += 1
    kernel.wait()
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.unattributed_before_start) == (1, 1, 0)


def test_a_kill_that_has_left_its_container() -> None:
    """Booked there by a counter, and moved to a service by the recorder; then the agent was killed
    before it heard what became of the container. The incident does not stay open.
    """
    kernel = Kernel()
    kernel.counters(CONTAINER, 0)
    kernel.kill(1, memcg=False)
    kernel.counters(CONTAINER, 1)
    kernel.wait()
    kernel.recorder("/system.slice/daemon.service")
    before = kernel.incidents()
    assert [(i.outcome, i.victims[0].cgroup) for i in before] == [
        (Outcome.OPEN, "/system.slice/daemon.service")
    ]
    kernel.start(kernel.ledger.checkpoint(), before)
    (incident,) = kernel.incidents()
    assert (incident.outcome, incident.unit) == (Outcome.UNKNOWN, "daemon.service")


def test_what_a_former_version_has_lost_before_the_first_run() -> None:
    """It booked that as of the first run itself: a line of the time before takes it back."""
    kernel = Kernel()
    kernel.header(1, CONTAINER, CONTAINER, heard=False)
    kernel.kill(1, heard=False)
    lines, kernel.lines = kernel.lines, []
    kernel.now += SECOND
    kernel.start()
    kernel.wait()
    first_ns = kernel.ledger.first_run_ns
    assert first_ns is not None
    former = [replace(each, boottime_ns=first_ns) for each in kernel.incidents()]
    point, kernel.lines = kernel.ledger.checkpoint(), lines
    kernel.out.clear()
    kernel.start(point, former)
    _, taken_back = kernel.incidents()
    assert (taken_back.id, taken_back.counted) == (former[0].id, 0)
    assert taken_back.boottime_ns < first_ns
    kernel.wait()
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.unattributed_before_start) == (1, 0, 0)
