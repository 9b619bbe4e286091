from __future__ import annotations

import pytest

from agent.state.position import Kept, Order, Position, Span, missing
from agent.state.tail import Tail
from tests.state.making import kept

OLD = Span(stream_id="old", first=1, last=10)
NONE = Span(stream_id="none", first=11, last=10)
NEW = Span(stream_id="new", first=11, last=20)
ORDER = Order([OLD, NONE, NEW])


@pytest.mark.parametrize(
    ("before", "after", "follows"),
    [
        (("old", 3), ("old", 4), True),
        (("old", 3), ("old", 5), False),
        (("old", 10), ("new", 11), True),  # the empty stream between them does not count
        (("old", 9), ("new", 11), False),
        (("old", 10), ("new", 12), False),
        (("new", 11), ("old", 1), False),
        (("unknown", 10), ("new", 11), False),
    ],
)
def test_follows(before: tuple[str, int], after: tuple[str, int], follows: bool) -> None:
    """One event follows another if nothing was published between them, also across streams."""
    assert ORDER.follows(Position(*before), Position(*after)) is follows


@pytest.mark.parametrize(
    ("before", "after", "gap"),
    [(3, 7, (4, 6)), (3, 5, (4, 4)), (30, 5, (None, None))],
)
def test_missing(before: int, after: int, gap: tuple[int | None, int | None]) -> None:
    """First and last missing number; unknown where the numbering began anew between the two."""
    assert missing(Position("a", before), Position("b", after)) == gap


def _tail(size: int, *events: Kept) -> Tail:
    tail = Tail(size, [])
    for event in events:
        tail.append(event)
    return tail


def test_indexes_stay() -> None:
    """An index means the same event for ever, also after older ones have gone."""
    tail = _tail(3, *kept(range(1, 6)))
    assert (tail.first, tail.end, len(tail)) == (2, 5, 3)
    assert [event.sequence for event in tail.since(3)] == [4, 5]
    assert [event.sequence for event in tail.since(0)] == [3, 4, 5]
    assert list(tail.since(5)) == []


@pytest.mark.parametrize(
    ("position", "index"),
    [
        (("old", 7), None),  # 8 is not here
        (("old", 8), 0),  # 9 is the oldest
        (("old", 9), 1),
        (("old", 10), 2),
        (("new", 11), 3),
        (("new", 13), 4),  # in a hole of the numbers
        (("new", 15), 5),  # the newest
        (("unknown", 3), None),
    ],
)
def test_after(position: tuple[str, int], index: int | None) -> None:
    """The first event behind a position; None where events between the two may be on the disk."""
    tail = _tail(9, *kept([9, 10], stream="old"), *kept([11, 12, 15], stream="new"))
    assert tail.after(Position(*position), ORDER) == index


def test_empty() -> None:
    """An empty memory knows nothing of what comes after anything."""
    tail = Tail(3, [])
    assert tail.after(Position("old", 1), ORDER) is None
    assert tail.oldest() is None
