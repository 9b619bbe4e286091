"""agent.ledger.incidents and agent.ledger.held: what the book finds again."""

from __future__ import annotations

import pytest

from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.tally import Tally
from agent.model.oom import Attribution, Victim
from tests.ledger.kernel import BOOT, CONTAINER, OTHER, POD


def book() -> IncidentBook:
    return IncidentBook(boot_id=BOOT, wall_offset_ns=0, tally=Tally(settle_ns=1), levels=Levels({}))


def victim(pid: int, cgroup: str) -> Victim:
    return Victim(pid=pid, cgroup=cgroup)


@pytest.mark.parametrize(
    ("cgroup", "above"),
    [(CONTAINER, False), (OTHER, False), (f"{CONTAINER}/nested", False), (f"{POD}x", False)]
    + [(cgroup, True) for cgroup in (POD, "/kubepods/burstable", "/kubepods", "/")],
)
def test_kills_above(cgroup: str, above: bool) -> None:
    """Booked where it is known to have been in no one container, as long as that is held."""
    incidents = book()
    entry = incidents.open("a", 1, 1)
    incidents.add_victim(entry, victim(7, cgroup))
    assert incidents.held.kills_above(CONTAINER) is above
    incidents.replace_victim(entry, 0, victim(7, OTHER))
    assert not incidents.held.kills_above(CONTAINER)
    incidents.replace_victim(entry, 0, victim(7, cgroup))
    again = book()
    again.restore([entry.incident], rebuild=True)
    assert again.held.kills_above(CONTAINER) is above
    incidents.take_victim(entry, 0)
    assert not incidents.held.kills_above(CONTAINER)


def test_kills_above_are_forgotten_with_their_incidents(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no longer held is not asked for."""
    monkeypatch.setattr("agent.ledger.held.MAX_INCIDENTS", 1)
    incidents = book()
    for pid, cgroup in ((7, POD), (8, POD), (9, OTHER)):
        entry = incidents.open(str(pid), pid, pid)
        incidents.add_victim(entry, victim(pid, cgroup))
        incidents.settle(entry)
        incidents.take_changed()
        incidents.trim()
        assert incidents.held.kills_above(CONTAINER) is (pid < 9)


def test_kills_above_are_found_without_a_walk() -> None:
    """However many incidents are held: each end of a container asks."""
    incidents = book()
    for pid in range(100):
        entry = incidents.open(str(pid), pid, pid)
        incidents.add_victim(entry, victim(pid, OTHER))
    del incidents.held._entries  # who walks over them fails
    assert not incidents.held.kills_above(CONTAINER)


def test_a_victim_that_joins_an_incident_that_was_given_up() -> None:
    """Its line was read late: it is unattributed with the others, not pending for ever; and where
    one of them goes, its count goes along.
    """
    tally = Tally(settle_ns=1)
    incidents = IncidentBook(boot_id=BOOT, wall_offset_ns=0, tally=tally, levels=Levels({}))
    entry, other = incidents.open("a", 1, 1), incidents.open("b", 1, 1)
    incidents.add_victim(entry, victim(7, ""))
    incidents.give_up(entry)
    incidents.add_victim(entry, victim(8, ""))
    assert (tally.unattributed, tally.unplaced) == (2, 0)
    incidents.add_victim(other, incidents.take_victim(entry, 1))
    assert (tally.unattributed, tally.unplaced) == (1, 1)
    assert entry.incident.unattributed
    incidents.replace_victim(entry, 0, victim(7, OTHER))
    incidents.place_victims(other, OTHER, Attribution.COUNTER)
    assert (tally.victims, tally.unattributed, tally.unplaced) == (2, 0, 0)
    assert not entry.incident.unattributed
