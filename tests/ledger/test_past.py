"""What is told already stays so, within bounds; what may be told waits until that is known."""

from __future__ import annotations

from agent.ledger import past
from agent.ledger.past import Past
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.oom import Container


def held(number: int) -> tuple[CgroupPlace, Container]:
    place = CgroupPlace(
        path="", level=CgroupLevel.CONTAINER, pod_uid="p", container_id=f"c{number}"
    )
    return place, Container(id=f"c{number}")


def test_held_until_the_past_is_known() -> None:
    """Each once; not what was seen here meanwhile."""
    book = Past(10)
    for number in (1, 2, 1):
        book.hold(*held(number))
    book.drop("c2")
    assert ("c1" in book, "c2" in book, book.told("c1"), book.known) == (True, False, False, False)
    assert book.learn(5) == (held(1),)
    assert ("c1" in book, book.known) == (False, True)
    assert book.learn(5) == ()


def test_who_has_seen_it() -> None:
    """A former run, or nobody, or the runtime does not say when it was."""
    book = Past(10)
    book.learn(5)
    assert [book.has_seen(finished) for finished in (None, 9, 10)] == [True, True, False]
    book.learn(20)
    assert [book.has_seen(finished) for finished in (19, 20)] == [True, False]


def test_bounds() -> None:
    """What was asked about last stays."""
    book = Past(0)
    for number in range(past.MAX_KNOWN):
        book.tell(f"c{number}")
    assert "c0" in book
    book.tell("new")
    assert (book.told("c0"), book.told("c1")) == (True, False)
    for number in range(past.MAX_HELD + 1):
        book.hold(*held(-number))
    assert len(book.learn(0)) == past.MAX_HELD
