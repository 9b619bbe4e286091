"""The OOM ledger against a kernel of paper: every kill once, on the best evidence, and the books
balance.
"""

from __future__ import annotations

import pytest

from agent.model.evidence import FateWanted, ForgedSeen, KmsgState
from agent.model.oom import Attribution, Confidence, LimitLevel, Outcome, Truth, Witness
from tests.ledger.kernel import CID, CONTAINER, OTHER, POD, SECOND, Kernel, captured


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_init_over_its_own_limit(kernel: Kernel) -> None:
    """Header, line, count: one victim on its container, by the container's own limit, dead with its
    init.
    """
    kernel.header(829, CONTAINER, CONTAINER)
    kernel.kill(829, capture=captured(829, namespace_pid=1))
    (incident,) = kernel.incidents()
    (victim,) = incident.victims
    assert (victim.pid, victim.cgroup, victim.container_init) == (829, CONTAINER, Truth.YES)
    assert incident.limit_level is LimitLevel.CONTAINER
    assert incident.limit_bytes == 32 << 20
    assert (incident.outcome, incident.hidden) == (Outcome.DIED, Truth.NO)
    assert incident.container is not None
    assert incident.container.pod == "web"
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.pending, books.balanced) == (1, 1, 0, True)


def test_hidden_child(kernel: Kernel) -> None:
    """The victim was not init and init lives after the hold: hidden. Before the hold nothing is
    claimed.
    """
    kernel.header(7270, CONTAINER, CONTAINER)
    kernel.kill(7270, capture=captured(7270, namespace_pid=7))
    (incident,) = kernel.incidents()
    assert (incident.outcome, incident.hidden) == (Outcome.OPEN, Truth.UNKNOWN)
    assert not kernel.wanted()
    kernel.wait()
    assert [w.incident_id for w in kernel.wanted()] == [incident.id]
    kernel.fate(incident, alive=True, says="Running")
    (incident,) = kernel.incidents()
    assert (incident.outcome, incident.hidden) == (Outcome.SURVIVED, Truth.YES)
    assert incident.runtime_says == "Running"
    assert incident.revision == 2


def test_group_kill_of_linux_6_1(kernel: Kernel) -> None:
    """6.1 counts and prints the first victim of a group kill twice: a repeat, one incident, and the
    books balance.
    """
    kernel.header(1373, CONTAINER, CONTAINER)
    kernel.kill(1373)
    kernel.group(CONTAINER)
    kernel.kill(1356)
    kernel.kill(1373)
    (incident,) = kernel.incidents()
    assert incident.group_kill
    assert [(v.pid, v.repeats) for v in incident.victims] == [(1373, 1), (1356, 0)]
    assert [v.attribution for v in incident.victims] == [
        Attribution.KMSG_HEADER,
        Attribution.KMSG_GROUP,
    ]
    assert incident.counted == 3
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.repeats, books.pending) == (3, 2, 1, 0)


def test_group_kills_without_headers(kernel: Kernel) -> None:
    """With every header dropped by the rate limit, "Tasks in" still separates two group kills in a
    row.
    """
    kernel.kill(11)
    kernel.group(CONTAINER)
    kernel.kill(12)
    kernel.kill(11)
    kernel.kill(21)
    kernel.group(OTHER)
    kernel.kill(22)
    first, second = kernel.incidents()
    assert [v.pid for v in first.victims] == [11, 12]
    assert [v.pid for v in second.victims] == [21, 22]
    assert {v.cgroup for v in second.victims} == {OTHER}
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.repeats, books.balanced) == (5, 4, 1, True)


def test_pod_limit(kernel: Kernel) -> None:
    """oom_memcg above task_memcg: the pod's limit fired, and the kill is booked on the victim's
    container.
    """
    kernel.header(7786, CONTAINER, POD)
    kernel.kill(7786)
    (incident,) = kernel.incidents()
    assert (incident.limit_level, incident.limit_cgroup) == (LimitLevel.POD, POD)
    assert incident.victims[0].cgroup == CONTAINER


def test_limit_from_counters_when_the_header_is_lost(kernel: Kernel) -> None:
    """memory.events.local of the pod rose: its limit fired, although the header fell to the rate
    limit.
    """
    kernel.counters(CONTAINER, 0)
    kernel.counters(POD, 0)
    kernel.counters(POD, 1, oom=1)
    kernel.kill(5, capture=captured(5))
    (incident,) = kernel.incidents()
    assert (incident.limit_level, incident.limit_cgroup) == (LimitLevel.POD, POD)
    (wanted,) = kernel.wanted()
    assert not isinstance(wanted, FateWanted)
    assert wanted.cgroup == POD


def test_node_wide(kernel: Kernel) -> None:
    """A global kill names the victim's cgroup and no limit; without a header the line itself still
    says node.
    """
    kernel.header(424, CONTAINER)
    kernel.kill(424, memcg=False)
    kernel.now += 2 * SECOND
    kernel.kill(425, memcg=False, capture=captured(425, OTHER))
    first, second = kernel.incidents()
    assert first.limit_level is second.limit_level is LimitLevel.NODE
    assert (first.victims[0].cgroup, second.victims[0].cgroup) == (CONTAINER, OTHER)
    assert first.limit_bytes is None


def test_outside_kubepods(kernel: Kernel) -> None:
    """A system daemon is booked on its unit, with no container to survive or die."""
    kernel.header(77, "/system.slice/daemon.service", "/system.slice/daemon.service")
    kernel.kill(77)
    (incident,) = kernel.incidents()
    assert (incident.unit, incident.container) == ("daemon.service", None)
    assert (incident.limit_level, incident.outcome) == (LimitLevel.SYSTEM, Outcome.UNKNOWN)
    assert incident.hidden is Truth.NO


def test_nested_cgroup(kernel: Kernel) -> None:
    """A cgroup nested inside a container: its own limit, and the container's name. Whether the
    victim is the container's init is open until the init is known.
    """
    nested = f"{CONTAINER}/inner"
    kernel.header(9, nested, nested)
    kernel.kill(9, capture=captured(9, nested))
    (incident,) = kernel.incidents()
    assert incident.limit_level is LimitLevel.NESTED
    assert incident.container is not None
    assert incident.victims[0].container_init is Truth.UNKNOWN
    kernel.names.inits[CID] = 5
    kernel.now += 6 * SECOND
    kernel.header(10, nested, nested)
    kernel.kill(10, capture=captured(10, nested))
    assert kernel.incidents()[1].victims[0].container_init is Truth.NO


def test_line_without_a_count_is_not_believed(kernel: Kernel) -> None:
    """A line that the kernel's count does not cover waits, and is given up: the counter is the
    truth.
    """
    kernel.kill(1)
    kernel.oom_kill -= 1
    kernel = Kernel()
    kernel.kill(1, count=False)
    kernel.oom_kill = 0
    assert not kernel.incidents()
    kernel.wait()
    assert not kernel.incidents()
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.disbelieved) == (0, 0, 1)


def test_forged_line_is_counted_as_such(kernel: Kernel) -> None:
    """What user space wrote changes nothing but the count of what was not believed."""
    kernel.ledger.fold(ForgedSeen(sequence=9), kernel.now)
    kernel.wait()
    assert not kernel.incidents()
    assert kernel.ledger.books().disbelieved == 1


def test_trace_and_kmsg_join_in_either_order(kernel: Kernel) -> None:
    """One kill seen by both is one victim with both witnesses, whichever is read first; a capture
    by either counts.
    """
    kernel.trace(5, captured(5))
    kernel.kill(5)
    kernel.now += 2 * SECOND
    kernel.kill(6, capture=captured(6, OTHER))
    kernel.trace(6)
    first, second = kernel.incidents()
    for incident in (first, second):
        (victim,) = incident.victims
        assert victim.witnesses[:1] == (Witness.KMSG,)
        assert Witness.TRACE in victim.witnesses
        assert victim.attribution is Attribution.PROC
        assert incident.confidence is Confidence.HIGH
    assert kernel.ledger.books().victims == 2


def test_traced_task_that_was_dying_already(kernel: Kernel) -> None:
    """mark_victim without a count and without a line books nothing."""
    kernel.trace(5, captured(5))
    for _ in range(40):
        kernel.wait(SECOND)
    assert not kernel.incidents()
    assert kernel.ledger.books().balanced


def test_kmsg_lost_the_line(kernel: Kernel) -> None:
    """The ring was overrun: the traced victim stands for the count that no line explains, after the
    settle time.
    """
    kernel.trace(5, captured(5))
    kernel.kill(5, heard=False)
    kernel.wait(SECOND)
    assert kernel.ledger.books().pending == 1
    kernel.wait(2 * SECOND)
    (incident,) = kernel.incidents()
    assert incident.victims[0].witnesses == (Witness.TRACE, Witness.VMSTAT)
    assert kernel.ledger.books().victims == 1


def test_without_kmsg_the_trace_books_at_once(kernel: Kernel) -> None:
    """With kmsg absent nothing is waited for."""
    kernel.ledger.fold(KmsgState(up=False), kernel.now)
    kernel.trace(5, captured(5))
    kernel.oom_kill += 1
    kernel.count()
    (incident,) = kernel.incidents()
    assert incident.victims[0].pid == 5


def test_only_counters(kernel: Kernel) -> None:
    """With neither kmsg nor trace the container's own counter names the cgroup; nobody names the
    process.
    """
    kernel.ledger.fold(KmsgState(up=False), kernel.now)
    kernel.counters(CONTAINER, 0)
    kernel.counters(POD, 0)
    kernel.oom_kill += 1
    kernel.count()
    kernel.counters(CONTAINER, 1, oom=1)
    kernel.counters(POD, 1)
    kernel.wait()
    kernel.wait()
    (incident,) = kernel.incidents()
    (victim,) = incident.victims
    assert (victim.pid, victim.cgroup, victim.attribution) == (
        None,
        CONTAINER,
        Attribution.COUNTER,
    )
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.pending) == (1, 0, 0)


def stood_in(kernel: Kernel, *cgroups: str) -> None:
    """Of each of these a counter stands for one kill; kmsg was away."""
    kernel.ledger.fold(KmsgState(up=False), kernel.now)
    for cgroup in cgroups:
        kernel.counters(cgroup, 0)
    for number, cgroup in enumerate(cgroups):
        kernel.kill(5 + number, heard=False)
        kernel.count()
        kernel.counters(cgroup, 1)
    kernel.wait()
    kernel.wait()
    assert [i.victims[0].pid for i in kernel.incidents()] == [None] * len(cgroups)
    kernel.ledger.fold(KmsgState(up=True), kernel.now)


def reread(kernel: Kernel) -> None:
    """kmsg is read again from its oldest line, and the count after it."""
    for line in kernel.lines:
        kernel.ledger.fold(line, kernel.now)
        kernel.count()


def test_late_line_that_tells_no_cgroup(kernel: Kernel) -> None:
    """One counter rose, and one kill has no name: the line is that kill's. One incident, and the
    counter's word stays.
    """
    stood_in(kernel, CONTAINER)
    reread(kernel)
    (incident,) = kernel.incidents()
    (victim,) = incident.victims
    assert (victim.pid, victim.cgroup, victim.attribution) == (5, CONTAINER, Attribution.COUNTER)
    assert set(victim.witnesses) == {Witness.KMSG, Witness.VMSTAT, Witness.MEMORY_EVENTS}
    assert kernel.ledger.books().victims == 1


def test_late_lines_that_tell_no_cgroup_of_two(kernel: Kernel) -> None:
    """Which of them was in which cgroup nothing tells, and nothing is claimed; each says where it
    was booked first, so that it is counted once.
    """
    stood_in(kernel, CONTAINER, OTHER)
    before = {incident.id for incident in kernel.incidents()}
    reread(kernel)
    kernel.wait()
    lines = [i for i in kernel.incidents() if i.id not in before]
    assert {v.pid: v.cgroup for i in lines for v in i.victims} == {5: "", 6: ""}
    assert {origin for i in lines for origin in i.moved_from} == before
    assert sum(i.counted for i in kernel.incidents()) == 2


def test_a_late_line_after_a_count_was_given_up(kernel: Kernel) -> None:
    """It may be that kill's as well as the one that a counter stands for: nothing is claimed."""
    stood_in(kernel, CONTAINER)
    kernel.oom_kill += 1
    kernel.count()
    kernel.wait()
    kernel.wait()
    assert kernel.ledger.books().unattributed == 1
    reread(kernel)
    told = [v for i in kernel.incidents() for v in i.victims if v.pid == 5]
    assert [v.cgroup for v in told] == [""]


def test_nothing_but_the_count(kernel: Kernel) -> None:
    """A count that nothing explains is published as unattributed: not dropped, not invented, and
    not before `settle`.
    """
    kernel.oom_kill += 2
    kernel.count()
    kernel.wait(SECOND)
    assert kernel.ledger.books().pending == 2
    kernel.wait(SECOND)
    (incident,) = kernel.incidents()
    assert incident.unattributed
    assert incident.counted == 2
    assert not incident.victims
    books = kernel.ledger.books()
    assert (books.unattributed, books.unattributed_before_start, books.balanced) == (2, 0, True)


def test_line_that_comes_after_its_count_was_given_up(kernel: Kernel) -> None:
    """Late evidence takes the count back from unattributed: each kill is in the books once."""
    kernel.oom_kill += 1
    kernel.count()
    kernel.wait(3 * SECOND)
    kernel.oom_kill -= 1
    kernel.kill(5, capture=captured(5))
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.unattributed, books.balanced) == (1, 1, 0, True)
    assert sum(i.counted for i in kernel.incidents()) == 1


def test_victim_without_a_cgroup(kernel: Kernel) -> None:
    """The process is known and its cgroup is not: pending, then unattributed with its name, and it
    can still be placed.
    """
    kernel.kill(5)
    assert kernel.ledger.books().pending == 1
    kernel.wait()
    (incident,) = kernel.incidents()
    assert incident.unattributed
    assert incident.victims[0].pid == 5
    assert kernel.ledger.books().unattributed == 1
    kernel.trace(5, captured(5))
    (incident,) = kernel.incidents()
    assert not incident.unattributed
    assert incident.victims[0].cgroup == CONTAINER
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.balanced) == (1, 0, True)


def test_victim_placed_by_the_one_counter_that_rose(kernel: Kernel) -> None:
    """No header, no capture: the only container that counts more than its books is the victim's."""
    kernel.counters(CONTAINER, 0)
    kernel.counters(OTHER, 0)
    kernel.kill(5)
    kernel.counters(CONTAINER, 1)
    kernel.wait()
    (incident,) = kernel.incidents()
    assert incident.victims[0].attribution is Attribution.COUNTER
    assert incident.victims[0].cgroup == CONTAINER
    assert kernel.ledger.books().victims == 1


def test_new_kill_takes_no_old_count(kernel: Kernel) -> None:
    """A line that is read before its count does not reclaim a count that was given up long ago."""
    kernel.oom_kill += 1
    kernel.count()
    kernel.wait(3 * SECOND)
    assert kernel.ledger.books().unattributed == 1
    kernel.kill(7, capture=captured(7))
    books = kernel.ledger.books()
    assert (books.counted, books.victims, books.unattributed) == (2, 1, 1)


def test_old_excess_is_no_evidence(kernel: Kernel) -> None:
    """A counter that rose for a kill that was given up says nothing about a kill an hour later."""
    for path in (CONTAINER, OTHER):
        kernel.counters(path, 0)
    kernel.kill(5)
    kernel.kill(6)
    for path in (CONTAINER, OTHER):
        kernel.counters(path, 1)
    kernel.wait()
    assert kernel.ledger.books().unattributed == 2
    kernel.now += 3600 * SECOND
    kernel.kill(9)
    kernel.wait()
    assert kernel.ledger.books().unattributed == 3


def test_trace_of_an_earlier_process_with_the_same_pid(kernel: Kernel) -> None:
    """A candidate whose time is another is another process; the line's own capture stands."""
    kernel.trace(5, captured(5, OTHER))
    kernel.now += 10 * SECOND
    kernel.kill(5, capture=captured(5, CONTAINER))
    (incident,) = kernel.incidents()
    assert incident.victims[0].cgroup == CONTAINER
    assert Witness.TRACE not in incident.victims[0].witnesses
