"""What is remembered of kills in containers that live on."""

from __future__ import annotations

import pytest

from agent.ledger import killed
from agent.ledger.killed import MAX_INCIDENTS, Killed
from agent.model.oom import OOMIncident, Truth, Victim


def kill(number: int, init: Truth = Truth.NO, revision: int = 1) -> OOMIncident:
    return OOMIncident(
        id=f"b/k{number}",
        boot_id="b",
        revision=revision,
        boottime_ns=number,
        wall_ns=1,
        victims=(Victim(pid=number, container_init=init),),
    )


def numbers(book: Killed) -> list[int]:
    return [incident.boottime_ns for incident in book.of("c")]


def test_the_latest_stay() -> None:
    """And the kill of the init; an old one that is amended does not come back."""
    book = Killed()
    for number in range(3 * MAX_INCIDENTS):
        book.put("c", kill(number, Truth.YES if number == 7 else Truth.NO))
    latest = [7, *range(2 * MAX_INCIDENTS + 1, 3 * MAX_INCIDENTS)]
    assert numbers(book) == latest
    for number in range(3 * MAX_INCIDENTS):
        book.put("c", kill(number, Truth.YES if number == 7 else Truth.NO, revision=2))
    assert numbers(book) == latest
    assert {incident.revision for incident in book.of("c")} == {2}
    assert book.holds("c", "b/k7")
    assert not book.holds("c", "b/k8")


def test_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was quiet for the longest is forgotten, as is one whose end is told."""
    monkeypatch.setattr(killed, "MAX_CONTAINERS", 2)
    book = Killed()
    for container_id in ("a", "b", "a", "c"):
        book.put(container_id, kill(1))
    assert [len(book.of(each)) for each in "abc"] == [1, 0, 1]
    book.drop("a")
    assert book.of("a") == ()
