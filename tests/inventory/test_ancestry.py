"""Where a process was: from forks, moves and scans, at the time that is asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.ancestry import Ancestry, Found, Scan
from agent.model.lineage import Forked, Marked, Moved
from agent.model.oom import Attribution

POD, OTHER, RUNTIME = "/kubepods/pod1/a", "/kubepods/pod2/b", "/system.slice/containerd.service"
RECORDER, SCAN = Attribution.RECORDER, Attribution.SCAN


def fork(at: int, parent: int, child: int, *, thread: bool = False, into: bool = False) -> Forked:
    return Forked(at, parent, child, thread, into)


def known(*events: Forked | Moved | Marked | Scan) -> Ancestry:
    ancestry = Ancestry()
    for event in events:
        if isinstance(event, Scan):
            ancestry.scanned(event)
        else:
            ancestry.hear(event)
    return ancestry


def test_walks_up_to_a_move() -> None:
    """Child, shell, container's init: the init was moved."""
    ancestry = known(
        fork(10, 1, 100), Moved(20, 100, 7, POD), fork(30, 100, 101), fork(40, 101, 102)
    )
    assert ancestry.find(102, 50) == Found(7, POD, RECORDER)
    assert ancestry.find(100, 20) == Found(7, POD, RECORDER)
    assert ancestry.find(100, 19) is None
    assert ancestry.find(103, 50) is None


def test_parents_cgroup_at_the_fork() -> None:
    """What happened to the parent later does not reach the child."""
    ancestry = known(
        Moved(10, 100, 7, POD), fork(20, 100, 101), Moved(30, 100, 8, OTHER), fork(40, 100, 102)
    )
    assert ancestry.find(101, 99) == Found(7, POD, RECORDER)
    assert ancestry.find(102, 99) == Found(8, OTHER, RECORDER)


def test_pid_used_again() -> None:
    """Each life of a pid is its own; the one at the time of the kill counts."""
    ancestry = known(
        Moved(1, 100, 7, POD), fork(10, 100, 50), Moved(11, 200, 8, OTHER), fork(20, 200, 50)
    )
    assert ancestry.find(50, 15) == Found(7, POD, RECORDER)
    assert ancestry.find(50, 25) == Found(8, OTHER, RECORDER)
    assert ancestry.find(50, 5) is None


def test_thread_goes_where_its_process_goes() -> None:
    """One event moves a whole process; its threads were made before that."""
    ancestry = known(
        Moved(1, 100, 9, RUNTIME),
        fork(2, 100, 101, thread=True),
        Moved(3, 100, 7, POD),
        fork(4, 101, 102),
    )
    assert ancestry.find(102, 9) == Found(7, POD, RECORDER)
    assert ancestry.find(101, 2) == Found(9, RUNTIME, RECORDER)


def test_begun_in_another_cgroup() -> None:
    """CLONE_INTO_CGROUP leaves no move: only a scan can tell, not the runtime that forked it."""
    runtime, child = Moved(1, 100, 9, RUNTIME), fork(10, 100, 101, into=True)
    grandchild = fork(20, 101, 102)
    assert known(runtime, child, grandchild).find(102, 30) is None
    for when in (15, 25, 35):
        scan = Scan(when, {100: RUNTIME, 101: POD})
        assert known(runtime, child, grandchild, scan).find(102, 30) == Found(0, POD, SCAN)


def test_latest_of_scan_and_events() -> None:
    """Whatever is later tells: a scan after a move, a move after a scan."""
    scan = Scan(10, {100: POD})
    assert known(scan).find(100, 20) == Found(0, POD, SCAN)
    assert known(scan, Moved(15, 100, 8, OTHER)).find(100, 20) == Found(8, OTHER, RECORDER)
    assert known(Moved(5, 100, 8, OTHER), scan).find(100, 20) == Found(0, POD, SCAN)
    assert known(scan, fork(15, 200, 100)).find(100, 20) is None
    assert known(scan, fork(15, 200, 100)).find(100, 12) == Found(0, POD, SCAN)


def test_scan_after_the_moment() -> None:
    """Who is seen later, and was not made or moved in between, was there already."""
    scan = Scan(30, {100: POD})
    assert known(scan).find(100, 20) == Found(0, POD, SCAN)
    assert known(scan, fork(25, 200, 100)).find(100, 20) is None
    assert known(scan, Moved(25, 100, 7, POD)).find(100, 20) is None


def test_unreadable_move_is_no_answer() -> None:
    """Nor is where the process was before it."""
    assert known(Moved(10, 100, 7, POD), Moved(20, 100, 0, "")).find(100, 30) is None


def test_missed() -> None:
    """A pid may have died and come again unheard: what was known before is worth nothing."""
    ancestry = known(Moved(10, 100, 7, POD), Scan(20, {101: POD}), fork(40, 100, 102))
    ancestry.missed_until(30)
    assert ancestry.find(100, 50) is None
    assert ancestry.find(101, 50) is None
    assert ancestry.find(102, 50) is None
    ancestry.scanned(Scan(45, {100: POD}))
    assert ancestry.find(102, 50) == Found(0, POD, SCAN)


def test_a_later_scan_tells_nothing_of_what_was_missed() -> None:
    """The pid that is there now may have been another process's when the kill was: the old victim
    is not booked on whoever has its pid.
    """
    ancestry = known(Scan(60, {100: POD}))
    ancestry.missed_until(50)
    assert ancestry.find(100, 10) is None
    assert ancestry.find(100, 55) == Found(0, POD, SCAN)


def test_what_was_forgotten_stays_forgotten() -> None:
    """That the ring holds older events than those that there was no room for does not bring these
    back: the pid may have been another process's until the one that was forgotten.
    """
    ancestry = Ancestry(max_pids=1)
    ancestry.hear(Moved(40, 100, 7, POD))
    ancestry.hear(Moved(41, 101, 7, POD))
    ancestry.missed_until(10)
    ancestry.scanned(Scan(60, {100: POD}))
    assert ancestry.find(100, 20) is None
    assert ancestry.find(100, 50) == Found(0, POD, SCAN)


def test_circle_ends() -> None:
    """Events that make no sense do not make it walk for ever."""
    assert known(fork(10, 2, 1, thread=True), fork(10, 1, 2, thread=True)).find(1, 20) is None


@given(
    st.permutations(
        [fork(10, 1, 5), Moved(20, 5, 7, POD), fork(30, 5, 6), Moved(40, 6, 8, OTHER)] * 2
    )
)
def test_order_and_repetition_do_not_matter(events: list[Forked | Moved]) -> None:
    """The same stretch of the ring is read again, and CPUs are merged late."""
    ancestry = known(*events)
    assert ancestry.find(6, 35) == Found(7, POD, RECORDER)
    assert ancestry.find(6, 45) == Found(8, OTHER, RECORDER)


def test_bounded() -> None:
    """The oldest pids go, and no pid has an endless story."""
    ancestry = Ancestry(max_pids=3)
    for pid in range(10):
        ancestry.hear(Moved(pid, pid, 7, POD))
    assert len(ancestry) == 3
    for at in range(100):
        ancestry.hear(Moved(at, 9, 7, POD))
    assert ancestry.find(9, 99) == Found(7, POD, RECORDER)
    assert ancestry.find(9, 50) is None


def test_scan_from_before_what_is_forgotten() -> None:
    """The forgotten event may have been the new life of the pid that the scan saw."""
    ancestry = Ancestry(max_pids=1)
    ancestry.scanned(Scan(10, {100: POD}))
    assert ancestry.find(100, 40) == Found(0, POD, SCAN)
    ancestry.hear(fork(20, 200, 100))
    ancestry.hear(fork(30, 200, 101))
    assert ancestry.find(100, 40) is None


def test_victim_by_the_recorders_own_clock() -> None:
    """The kill that kmsg tells of lies before the fork by its clock, and is the marked one."""
    ancestry = known(
        Moved(1, 100, 7, POD),
        Moved(2, 200, 8, OTHER),
        fork(10, 200, 50),
        fork(9_000_000, 100, 50),
        Marked(9_000_020, 50),
        Marked(9_000_030, 51),
    )
    assert ancestry.find(50, 8_999_000) == Found(8, OTHER, RECORDER)
    assert ancestry.victim(50, 8_999_000) == Found(7, POD, RECORDER)
    assert ancestry.victim(50, 1_000_000) == Found(8, OTHER, RECORDER)
