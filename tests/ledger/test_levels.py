"""The counters of cgroups, and what is booked on them."""

from __future__ import annotations

import pytest

from agent.ledger.levels import LIMIT_HIT_NS, MAX_BOOKED_STRAYS, Levels, ancestors
from agent.model.cgroup import MemoryEvents
from agent.model.evidence import CountersSeen
from agent.parse.cgroup_path import place
from tests.ledger.kernel import CONTAINER, OTHER, POD


def counters(
    path: str, oom_kill: int, *, oom: int | None = None, inode: int = 1, appeared: bool = False
) -> CountersSeen:
    return CountersSeen(
        place=place(path),
        inode=inode,
        events=MemoryEvents(oom=0, oom_kill=oom_kill),
        local=None if oom is None else MemoryEvents(oom=oom, oom_kill=0),
        appeared=appeared,
    )


@pytest.mark.parametrize(
    ("path", "above"),
    [("/", []), ("", []), ("/a", ["/a"]), ("/a/b/c", ["/a/b/c", "/a/b", "/a"])],
)
def test_ancestors(path: str, above: list[str]) -> None:
    """The path itself first, the root never: it has no memory.events."""
    assert list(ancestors(path)) == above


def test_booking_counts_on_every_level() -> None:
    """A kill has an ordinal at each level, and taking it back lowers each."""
    levels = Levels({})
    assert levels.book(CONTAINER)[POD] == 1
    assert levels.book(OTHER)[POD] == 2
    levels.unbook(CONTAINER)
    assert (levels.booked()[CONTAINER], levels.booked()[POD]) == (0, 1)
    levels.unbook(CONTAINER)
    assert levels.booked()[CONTAINER] == 0


def test_booked_paths_are_bounded() -> None:
    """The paths that were booked on longest ago are forgotten; those of now are not."""
    levels = Levels({})
    for number in range(MAX_BOOKED_STRAYS + 10):
        levels.book(f"/kubepods/{number}")
    booked = levels.booked()
    assert len(booked) == MAX_BOOKED_STRAYS
    assert "/kubepods/0" not in booked
    assert booked["/kubepods"] == MAX_BOOKED_STRAYS + 10


@pytest.mark.parametrize(
    ("readings", "hit"),
    [
        ([counters(POD, 0, oom=0), counters(POD, 0, oom=1)], POD),
        ([counters(POD, 0, oom=3)], None),  # who knows when
        ([counters(POD, 0, oom=1, appeared=True)], POD),  # it began at zero
        ([counters(POD, 0, oom=0), counters(POD, 0, oom=1, inode=2)], None),  # another cgroup
        ([counters(POD, 0), counters(POD, 1)], None),  # before 5.2: no memory.events.local
        ([counters(OTHER, 0, oom=0), counters(OTHER, 0, oom=1)], None),  # not above the victim
        (
            [
                counters(path, 0, oom=oom)
                for path, oom in ((POD, 0), (CONTAINER, 0), (POD, 1), (CONTAINER, 1))
            ],
            None,  # two limits: neither is proven
        ),
    ],
)
def test_limit_near(readings: list[CountersSeen], hit: str | None) -> None:
    """The one cgroup at or above the victim whose local `oom` rose lately."""
    levels = Levels({})
    for reading in readings:
        levels.seen(reading, 0)
    found = levels.limit_near(CONTAINER, LIMIT_HIT_NS)
    assert (found and found.path) == hit
    assert levels.limit_near(CONTAINER, LIMIT_HIT_NS + 1) is None


def test_excess_is_lowest_first() -> None:
    """What counts more than its books: containers before their pods, then drills."""
    levels = Levels({POD: 1})
    for path, count in ((POD, 3), (CONTAINER, 2), (OTHER, 0), ("/nodewitness-drill-0badcafe", 9)):
        levels.seen(counters(path, count), 0)
    found = [(place.path, count, excess) for place, _, count, excess in levels.excess(0)]
    assert found == [(CONTAINER, 2, 2), (POD, 3, 2), ("/nodewitness-drill-0badcafe", 9, 9)]


@pytest.mark.parametrize(("inode", "counter"), [(1, None), (2, 4)])
def test_gone(inode: int, counter: int | None) -> None:
    """A cgroup that goes takes its counter along; its predecessor's end does not."""
    levels = Levels({})
    levels.seen(counters(POD, 4), 0)
    levels.gone(POD, inode)
    assert levels.counter(POD) == counter


def test_what_is_followed_is_never_given_up() -> None:
    """However many kills there are in cgroups that nobody follows; and gone is gone."""
    levels = Levels({})
    levels.book(CONTAINER)
    levels.seen(counters(CONTAINER, 1, inode=7, appeared=True), 0)
    for number in range(2 * MAX_BOOKED_STRAYS):
        levels.book(f"/elsewhere/{number}")
    assert levels.booked()[CONTAINER] == 1
    assert len(levels.booked()) == MAX_BOOKED_STRAYS + 1
    levels.gone(CONTAINER, 7)
    assert CONTAINER not in levels.booked()
