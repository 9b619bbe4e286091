"""The counters of /metrics: a kill enters once and stays where it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.ledger.naming import NAMES_NS, RESTARTED_NS
from agent.ledger.series import MAX_UNITS, OTHER_UNITS, OOMSeriesFold
from agent.ledger.tally import Tally
from agent.model.oom import (
    Container,
    Disagreement,
    LimitLevel,
    OOMBooks,
    OOMCounter,
    OOMIncident,
    Outcome,
    Victim,
)
from agent.model.status import OOMSeries
from tests.ledger.kernel import BOOT, CID, CONTAINER, SECOND, UID

LABELS = ("shop", "web-0", "app")
NAMED = Container(namespace="shop", pod="web-0", pod_uid=UID, name="app", id=CID)
UNNAMED = Container(pod_uid=UID, id=CID)
VICTIM = Victim(pid=1, cgroup=CONTAINER)
BOOKS = OOMBooks(
    counted=9,
    victims=4,
    repeats=2,
    unattributed=3,
    unattributed_before_start=0,
    pending=0,
    drill_victims=0,
    settle_seconds=2.0,
    disbelieved=5,
)


def incident(number: int = 1, **changes: object) -> OOMIncident:
    fields: dict[str, object] = {
        "id": f"{BOOT}/k{number}",
        "boot_id": BOOT,
        "revision": 1,
        "boottime_ns": 0,
        "wall_ns": 0,
        "victims": (VICTIM,),
        "container": NAMED,
        "limit_level": LimitLevel.CONTAINER,
        "outcome": Outcome.DIED,
    }
    return OOMIncident(**(fields | changes))  # type: ignore[arg-type]


SYSTEM = incident(container=None, unit="daemon.service")


@pytest.fixture
def fold() -> OOMSeriesFold:
    return OOMSeriesFold(retention_ns=60 * SECOND, max_series=3)


def shown(fold: OOMSeriesFold) -> OOMSeries:
    return fold.series(BOOKS)


def kills(fold: OOMSeriesFold) -> dict[tuple[str, str, str], dict[str, int]]:
    """The series that are not zero."""
    return {
        (c.namespace, c.pod, c.container): {o.value: n for o, n in c.kills.items() if n}
        for c in shown(fold).containers
    }


def test_series_stand_at_zero_first(fold: OOMSeriesFold) -> None:
    """`increase()` sees the first kill, for each outcome stood at zero before it."""
    fold.appeared(LABELS)
    (series,) = shown(fold).containers
    assert series.kills == {Outcome.SURVIVED: 0, Outcome.DIED: 0, Outcome.UNKNOWN: 0}


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [
        ([incident(outcome=Outcome.OPEN)], {}),
        ([incident()], {LABELS: {"died": 1}}),
        ([incident(), incident(revision=2, runtime_says="Error 137")], {LABELS: {"died": 1}}),
        ([incident(victims=(VICTIM, VICTIM))], {LABELS: {"died": 2}}),
        ([incident(), incident(victims=(VICTIM, VICTIM))], {LABELS: {"died": 2}}),
        ([incident(victims=(VICTIM, VICTIM)), incident()], {LABELS: {"died": 2}}),
        ([incident(), incident(outcome=Outcome.SURVIVED)], {LABELS: {"died": 1}}),
        ([incident(), incident(container=replace(NAMED, pod="x"))], {LABELS: {"died": 1}}),
        ([incident(container=UNNAMED)], {}),
        ([incident(container=UNNAMED), incident()], {LABELS: {"died": 1}}),
        ([incident(victims=(Victim(pid=1),), unattributed=True)], {}),
        (
            [
                incident(
                    victims=(Victim(pid=1),),
                    container=None,
                    unattributed=True,
                    outcome=Outcome.UNKNOWN,
                ),
                incident(outcome=Outcome.UNKNOWN),
            ],
            {LABELS: {"unknown": 1}},
        ),
        ([incident(drill=True)], {}),
        ([SYSTEM], {}),
    ],
)
def test_a_kill_enters_once(
    fold: OOMSeriesFold, revisions: list[OOMIncident], expected: dict[object, object]
) -> None:
    """When outcome and names are settled, and never moves or falls afterwards."""
    for revision in revisions:
        fold.incident(revision, 0)
    assert kills(fold) == expected


def test_names_that_do_not_come(fold: OOMSeriesFold) -> None:
    """After a wait the kill counts under what is known, and stays there when names come late."""
    fold.incident(incident(container=UNNAMED), 0)
    fold.expire(NAMES_NS - 1)
    assert kills(fold) == {}
    fold.expire(NAMES_NS)
    fold.incident(incident(revision=2), NAMES_NS)
    assert kills(fold) == {("", "", ""): {"died": 1}}


def test_node_level_series(fold: OOMSeriesFold) -> None:
    """Limits by incident, the system's kills by unit, drills apart, sums from the books."""
    fold.incident(incident(1), 0)
    fold.incident(incident(2, limit_level=LimitLevel.POD, drill=True), 0)
    fold.incident(replace(SYSTEM, id="s", limit_level=LimitLevel.NODE), 0)
    fold.incident(incident(4, victims=(), container=None, unattributed=True, counted=3), 0)
    series = shown(fold)
    assert {level: n for level, n in series.incidents.items() if n} == {
        LimitLevel.CONTAINER: 1,
        LimitLevel.NODE: 1,
    }
    assert (series.drill_kills, series.system_kills) == (1, {"daemon.service": 1})
    assert (series.repeats, series.unattributed, series.disbelieved) == (2, 3, 5)


def test_units_are_bounded(fold: OOMSeriesFold) -> None:
    """Further units count as one; those that are known go on."""
    for number in range(MAX_UNITS + 5):
        fold.incident(replace(SYSTEM, id=f"s{number}", unit=f"{number}.service"), 0)
    fold.incident(replace(SYSTEM, id="again", unit="0.service"), 0)
    units = shown(fold).system_kills
    assert len(units) == MAX_UNITS + 1
    assert (units[OTHER_UNITS], units["0.service"]) == (5, 2)


@pytest.mark.parametrize(("at_ns", "there"), [(60 * SECOND, 1), (60 * SECOND + 1, 0)])
def test_retention(fold: OOMSeriesFold, at_ns: int, there: int) -> None:
    """The series of the dead stay for the retention."""
    fold.appeared(LABELS)
    fold.vanished(LABELS, 0)
    fold.expire(at_ns)
    assert len(shown(fold).containers) == there
    assert shown(fold).series_evicted == 1 - there


def test_number(fold: OOMSeriesFold) -> None:
    """Of too many, those go whose containers died first; never those of the living."""
    for number in range(4):
        fold.appeared(("shop", f"web-{number}", "app"))
    fold.vanished(("shop", "web-3", "app"), 1)
    fold.vanished(("shop", "web-2", "app"), 2)
    fold.expire(3)
    assert [c.pod for c in shown(fold).containers] == ["web-0", "web-1", "web-2"]
    fold.appeared(("shop", "web-2", "app"))
    fold.appeared(("shop", "web-4", "app"))
    fold.expire(999 * SECOND)
    assert [c.pod for c in shown(fold).containers] == ["web-0", "web-1", "web-2", "web-4"]


def test_two_with_the_same_names(fold: OOMSeriesFold) -> None:
    """A restarted container's successor is there before it is gone: the series live on."""
    fold.appeared(LABELS)
    fold.appeared(LABELS)
    fold.vanished(LABELS, 0)
    fold.expire(999 * SECOND)
    assert len(shown(fold).containers) == 1


def restarted(fold: OOMSeriesFold, held: list[OOMIncident]) -> OOMSeriesFold:
    """The next run, with the journal's sums and the incidents that it still holds."""
    after = OOMSeriesFold(retention_ns=60 * SECOND, max_series=3)
    after.adopt(fold.unsaved(), held, 0)
    return after


def test_a_restart_when_the_journal_holds_few_of_the_incidents(fold: OOMSeriesFold) -> None:
    """No counter falls, for that reads as a restart at zero and invents kills; what is held counts
    no more than once, and goes on as before.
    """
    growing = incident(0, victims=(VICTIM,))
    told = [incident(number) for number in range(1, 12_000)]
    for item in (
        growing,
        *told,
        incident(20_000, outcome=Outcome.SURVIVED),
        replace(SYSTEM, id="s"),
        incident(20_001, drill=True),
    ):
        fold.incident(item, 0)
    fold.disagreement(Disagreement.KILL_NOT_REPORTED)
    before = shown(fold)
    after = restarted(fold, [growing, *told[-100:]])
    assert shown(after) == before
    assert kills(after) == {LABELS: {"died": 12_000, "survived": 1}}
    assert after.unsaved() == []
    after.incident(replace(told[-1], revision=2), 0)
    after.incident(replace(growing, victims=(VICTIM, VICTIM), revision=2), 0)
    after.appeared(LABELS)
    after.expire(999 * SECOND)
    assert kills(after) == {LABELS: {"died": 12_001, "survived": 1}}


def test_a_restart_while_a_kill_waits_for_its_names(fold: OOMSeriesFold) -> None:
    """It is in no sum yet, and counts in the next run; also when the journal has lost it."""
    nameless = incident(1, container=UNNAMED)
    fold.incident(nameless, 0)
    fold.incident(incident(2, container=UNNAMED), 0)
    after = restarted(fold, [nameless])
    assert kills(after) == {}
    after.incident(replace(incident(1), revision=2), 0)
    assert kills(after) == {LABELS: {"died": 1}}
    waiting = [each for each in after.unsaved() if each.sum.counter is OOMCounter.WAITING]
    assert [each.count for each in waiting] == [-1, -1]


@pytest.mark.parametrize("revised", [False, True])
def test_a_kill_that_moves_to_an_incident_that_waits(fold: OOMSeriesFold, revised: bool) -> None:
    """It was counted where it came from, and is not counted again after a restart; what else is
    killed there is.
    """
    stand_in = incident(1)
    left = replace(stand_in, victims=(), revision=2)
    line = incident(2, moved_from=(stand_in.id,), container=UNNAMED)
    for revision in (stand_in, left, line):
        fold.incident(revision, 0)
    after = restarted(fold, [left, line])
    if revised:
        line = replace(line, victims=(VICTIM, VICTIM), revision=2)
        after.incident(line, 0)
    after.expire(NAMES_NS)
    rest = {("", "", ""): {"died": 1}} if revised else {}
    assert kills(after) == {LABELS: {"died": 1}} | rest
    assert shown(after).incidents[LimitLevel.CONTAINER] == 1
    waiting = [each for each in after.unsaved() if each.sum.counter is OOMCounter.WAITING]
    assert [each.count for each in waiting] == [-2]


@pytest.mark.parametrize(
    ("restarted_ns", "until_ns"),
    [(20 * SECOND, 5 * SECOND + NAMES_NS), (60 * SECOND, 60 * SECOND + RESTARTED_NS)],
)
def test_names_are_awaited_since_the_kill(
    fold: OOMSeriesFold, restarted_ns: int, until_ns: int
) -> None:
    """However often the agent is restarted meanwhile; one that comes back late asks first."""
    nameless = incident(container=UNNAMED, boottime_ns=5 * SECOND)
    fold.incident(nameless, 5 * SECOND)
    after = OOMSeriesFold(retention_ns=60 * SECOND, max_series=3)
    after.adopt(fold.unsaved(), [nameless], restarted_ns)
    after.expire(until_ns - 1)
    assert kills(after) == {}
    after.expire(until_ns)
    assert kills(after) == {("", "", ""): {"died": 1}}


def test_what_was_counted_once_waits_no_more(fold: OOMSeriesFold) -> None:
    """The journal is told nothing of a wait that began and ended between two commits."""
    fold.incident(incident(container=UNNAMED), 0)
    fold.expire(NAMES_NS)
    counters = {each.sum.counter for each in fold.unsaved()}
    assert counters == {OOMCounter.KILLS, OOMCounter.INCIDENTS}


def test_unattributed_does_not_fall(fold: OOMSeriesFold) -> None:
    """A count that a late line took back stays in its counter, over a restart too."""
    books = replace(BOOKS, unattributed=5, unattributed_before_start=2)
    fold.series(books)
    less = replace(books, unattributed=3, unattributed_before_start=1)
    assert (fold.series(less).unattributed, fold.series(less).before_start) == (3, 2)
    after = restarted(fold, [])
    assert (after.series(less).unattributed, after.series(less).before_start) == (3, 2)
    assert after.unsaved() == []


def test_unattributed_does_not_fall_while_a_start_is_told(fold: OOMSeriesFold) -> None:
    """What the flight recorder places before the books are stored again was in the counter."""
    point = Tally(settle_ns=1).checkpoint(BOOT, -1, -1, {})
    fold.adopt([], [], 0, replace(point, unattributed=5, before_start=2))
    books = replace(BOOKS, unattributed=3, unattributed_before_start=1)
    assert (fold.series(books).unattributed, fold.series(books).before_start) == (3, 2)


@pytest.mark.parametrize("restart", [False, True])
def test_a_kill_that_moves_to_another_incident(fold: OOMSeriesFold, restart: bool) -> None:
    """A counter stood for it, and it was counted there: what the kernel's line tells of it later
    counts no second kill, and no second call of the OOM killer.
    """
    stand_in = incident(1)
    left = replace(stand_in, victims=(), revision=2)
    line = incident(2, moved_from=(stand_in.id,), container=replace(NAMED, pod="web-1"))
    fold.incident(stand_in, 0)
    for revision in (left, line):  # the ledger tells what a kill has left first
        fold.incident(revision, 0)
    if restart:
        fold = restarted(fold, [left, line])
    fold.incident(replace(line, victims=(VICTIM, VICTIM), revision=2), 0)
    assert kills(fold) == {LABELS: {"died": 1}, ("shop", "web-1", "app"): {"died": 1}}
    assert shown(fold).incidents[LimitLevel.CONTAINER] == 1


def test_a_kill_that_moves_before_the_rest_is_counted(fold: OOMSeriesFold) -> None:
    """Of a group's three kills two moved on to calls of their own before anything was counted."""
    fold.incident(incident(1), 0)
    fold.incident(incident(2, moved_from=(incident(1).id,)), 0)
    fold.incident(incident(3, moved_from=(incident(1).id,)), 0)
    assert kills(fold) == {LABELS: {"died": 3}}


def test_a_kill_that_moves_before_it_was_counted(fold: OOMSeriesFold) -> None:
    """From an incident that was open, or of which another victim is left: each kill counts once."""
    opened = incident(1, victims=(VICTIM, VICTIM), outcome=Outcome.OPEN)
    fold.incident(opened, 0)
    fold.incident(incident(2, moved_from=(opened.id,)), 0)
    fold.incident(incident(1, revision=2), 0)
    assert kills(fold) == {LABELS: {"died": 2}}
    assert shown(fold).incidents[LimitLevel.CONTAINER] == 2


def test_given_up_series_leave_the_journal(fold: OOMSeriesFold) -> None:
    """What is shown no more is kept no more."""
    fold.incident(incident(), 0)
    fold.saved()
    fold.expire(999 * SECOND)
    assert [(each.sum.label, each.count) for each in fold.unsaved()] == [("died", -1)]


def test_a_journal_that_opens_late(fold: OOMSeriesFold) -> None:
    """The counters have begun at zero and stay what they are; so does what the next run reads."""
    former = OOMSeriesFold(retention_ns=60 * SECOND, max_series=3)
    former.incident(incident(1), 0)
    former.incident(incident(2), 0)
    fold.incident(incident(3), 0)
    fold.supersede(former.unsaved())
    assert kills(fold) == {LABELS: {"died": 1}}
    died = [each.count for each in fold.unsaved() if each.sum.counter is OOMCounter.KILLS]
    assert died == [-1]  # of the two that the journal holds
