"""Open cases are found by container, pod, name and init, whatever of that becomes known late."""

from __future__ import annotations

from agent.ledger import docket
from agent.ledger.cases import Case
from agent.ledger.docket import Docket
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.oom import Container


def case(number: int, pod: str = "p", name: str = "") -> Case:
    cid = f"c{number}"
    return Case(
        place=CgroupPlace(path="", level=CgroupLevel.CONTAINER, pod_uid=pod, container_id=cid),
        names=Container(pod_uid=pod, name=name, id=cid),
        opened_ns=number,
    )


def test_found_by_what_is_known() -> None:
    """Names and inits move a case; a pid belongs to who had it last."""
    book, one, two = Docket(), case(1), case(2, name="app")
    for each in (one, two):
        book.add(each)
    assert book.of_pod("p") == (one, two)
    assert book.of_name("p", "app") == (two,)
    one.names, one.init_pid = two.names, 7
    book.file(one)
    assert set(book.of_name("p", "app")) == {one, two}
    assert book.of_init(7) is one
    two.init_pid = 7
    book.file(two)
    book.drop(one)
    assert book.of_init(7) is two
    book.drop(two)
    assert (book.of_init(7), book.of_pod("p"), book.of_name("p", "app")) == (None, (), ())
    assert len(book) == 0
    assert not any(vars(book).values())


def test_changes() -> None:
    """Each is given once; what is not asked for yet stays."""
    book, one, two = Docket(), case(1), case(2)
    for each in (one, two):
        book.add(each)
        book.touch(each)
        book.touch(each)
    assert next(book.changed()) is one
    book.touch(one)
    assert list(book.changed()) == [two, one]
    book.touch(two)
    book.drop(two)
    assert list(book.changed()) == []


def test_the_oldest_makes_room() -> None:
    """And says so."""
    book = Docket()
    cases = [case(number) for number in range(docket.MAX_CASES + 1)]
    assert [left for each in cases if (left := book.add(each))] == [cases[0]]
    assert "c0" not in book
    assert len(list(book)) == docket.MAX_CASES
