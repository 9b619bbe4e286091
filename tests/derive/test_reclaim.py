from __future__ import annotations

from agent.derive.reclaim import BUSY_SECONDS, WINDOW_SECONDS, ReclaimFold
from agent.model.cgroup import CgroupLevel, CgroupPlace, MemoryEvents
from agent.model.evidence import CgroupGone, CountersSeen

S = 10**9


def seen(
    max_: int, *, high: int = 0, kills: int = 0, level: CgroupLevel = CgroupLevel.CONTAINER
) -> CountersSeen:
    place = CgroupPlace(path="/kubepods/pod1/c1", level=level)
    events = MemoryEvents(oom=0, oom_kill=kills, max=max_, high=high)
    return CountersSeen(place=place, inode=7, events=events, local=events)


def risen(fold: ReclaimFold, seconds: int) -> int:
    """The counter rises once in each of so many seconds; returns when that ended."""
    fold.heard(seen(100), 0)
    for second in range(1, seconds + 1):
        fold.heard(seen(100 + 3 * second), second * S)
    return seconds * S


def test_rises_in_most_seconds() -> None:
    fold = ReclaimFold()
    now = risen(fold, BUSY_SECONDS)
    [thrash] = fold.thrashing(now)
    assert (thrash.max_rises, thrash.high_rises) == (3 * BUSY_SECONDS, 0)
    assert thrash.since_boottime_ns == S


def test_a_burst_is_none() -> None:
    """Any number within few seconds, such as one large file that is read, is no thrashing."""
    fold = ReclaimFold()
    now = risen(fold, BUSY_SECONDS - 1)
    fold.heard(seen(100_000), now)
    assert not list(fold.thrashing(now))


def test_what_is_killed_is_no_near_miss() -> None:
    fold = ReclaimFold()
    now = risen(fold, BUSY_SECONDS)
    fold.heard(seen(1_000, kills=1), now)
    assert not list(fold.thrashing(now))


def test_it_ends() -> None:
    """Without a rise for a whole window it is over; the next run begins anew."""
    fold = ReclaimFold()
    now = risen(fold, BUSY_SECONDS) + WINDOW_SECONDS * S
    assert not list(fold.thrashing(now))
    for second in range(1, BUSY_SECONDS + 1):
        fold.heard(seen(1_000 + second), now + second * S)
    [thrash] = fold.thrashing(now + BUSY_SECONDS * S)
    assert thrash.since_boottime_ns == now + S


def test_bounded_while_nobody_asks() -> None:
    """Where the node's pressure cannot be read, nobody asks who thrashes."""
    fold = ReclaimFold()
    for rise in range(10_000):
        fold.heard(seen(rise), rise * S // 10)
    [counted] = fold._cgroups.values()
    assert len(counted.rises) <= WINDOW_SECONDS + 1
    [thrash] = fold.thrashing(10_000 * S // 10)
    assert thrash.max_rises >= 10 * (WINDOW_SECONDS - 1)


def test_gone_and_elsewhere() -> None:
    """A cgroup that is gone is forgotten; above pods nothing is followed."""
    fold = ReclaimFold()
    now = risen(fold, BUSY_SECONDS)
    fold.heard(CgroupGone(place=seen(1).place, inode=7), now)
    assert not list(fold.thrashing(now))
    for second in range(BUSY_SECONDS + 1):
        fold.heard(seen(second, level=CgroupLevel.KUBEPODS), second * S)
    assert not list(fold.thrashing(BUSY_SECONDS * S))
