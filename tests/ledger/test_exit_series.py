"""The counter of deaths: once each, when settled, in series that are bounded."""

from __future__ import annotations

from agent.ledger.exit_series import ZEROS_NS, ExitSeries
from agent.model.exits import ContainerDeath, ExitCount, Verdict
from agent.model.oom import Container

SECOND = 10**9


def death(number: int, pod: str = "web", *, settled: bool = True) -> ContainerDeath:
    return ContainerDeath(
        id=f"b/{number}",
        boot_id="b",
        revision=1,
        container=Container(namespace="shop", pod=pod, name="app"),
        boottime_ns=1,
        wall_ns=1,
        verdict=Verdict.EXITED,
        settled=settled,
    )


WEB, EXITED = ("shop", "web", "app"), Verdict.EXITED


def saved(series: ExitSeries) -> dict[str, int]:
    """What the journal is to add, by pod; taken."""
    changes = {each.pod: each.count for each in series.unsaved()}
    series.saved()
    return changes


def kept(count: int, pod: str = "web") -> ExitCount:
    return ExitCount(namespace="shop", pod=pod, container="app", verdict=EXITED, count=count)


def test_once_and_when_settled() -> None:
    """An open death does not count; a further revision does not count again."""
    series = ExitSeries(retention_ns=SECOND, max_series=10)
    series.death(death(1, settled=False), 1)
    assert series.counts() == {}
    for number in (1, 1, 2):
        series.death(death(number), 1)
    assert series.counts() == {WEB: {EXITED: 2}}
    assert saved(series) == {"web": 2}


def test_zero_while_it_lives() -> None:
    """Every verdict stands at zero before anything happens, and until well after the end."""
    series = ExitSeries(retention_ns=10 * ZEROS_NS, max_series=10)
    series.appeared(WEB)
    assert series.counts() == {WEB: dict.fromkeys(Verdict, 0)}
    series.appeared(WEB)  # the next attempt comes before the last is gone
    series.vanished(WEB, 0)
    series.expire(ZEROS_NS * 9)
    assert len(series.counts()[WEB]) == len(Verdict)
    series.vanished(WEB, 0)
    series.expire(ZEROS_NS)
    assert series.counts()[WEB][EXITED] == 0
    series.death(death(1), ZEROS_NS)
    series.expire(ZEROS_NS * 2)
    assert series.counts()[WEB] == dict.fromkeys(Verdict, 0) | {EXITED: 1}
    series.expire(ZEROS_NS * 2 + 1)
    assert series.counts()[WEB] == {EXITED: 1}
    assert saved(series) == {"web": 1}


def test_of_one_that_just_goes_nothing_stays() -> None:
    """A container whose death is not counted leaves no series."""
    series = ExitSeries(retention_ns=10 * ZEROS_NS, max_series=10)
    series.appeared(WEB)
    series.vanished(WEB, 0)
    series.vanished(WEB, 0)
    series.expire(ZEROS_NS + 1)
    assert series.counts() == {}
    assert saved(series) == {}


def test_bounds() -> None:
    """The longest without a death goes, the living never; and what is gone for longer than the
    retention. The journal forgets it too.
    """
    series = ExitSeries(retention_ns=SECOND, max_series=2)
    for number, pod in enumerate(("a", "b", "a", "c")):
        series.death(death(number, pod), 0)
    series.expire(0)
    assert [pod for _, pod, _ in series.counts()] == ["a", "c"]
    assert saved(series) == {"a": 2, "c": 1}
    series.appeared(("shop", "c", "app"))
    series.expire(SECOND + 1)
    assert [pod for _, pod, _ in series.counts()] == ["c"]
    assert saved(series) == {"a": -2}
    series.vanished(("shop", "c", "app"), 2 * SECOND)
    series.expire(3 * SECOND)
    assert len(series.counts()) == 1
    series.expire(3 * SECOND + 1)
    assert series.counts() == {}
    assert saved(series) == {"c": -1}


def test_more_deaths_than_are_held() -> None:
    """After a restart the counter goes on, though the journal holds a few of the deaths alone."""
    series = ExitSeries(retention_ns=SECOND, max_series=2)
    held = [death(number) for number in range(20_500, 20_600)]
    series.adopt([kept(20_600)], held, 0)
    assert series.counts() == {WEB: {EXITED: 20_600}}
    series.death(held[-1], 1)
    series.death(death(20_600), 1)
    assert series.counts() == {WEB: {EXITED: 20_601}}
    assert saved(series) == {"web": 1}


def test_a_journal_that_opens_late() -> None:
    """What both runs have counted counts once, here and in the journal; nothing falls."""
    series = ExitSeries(retention_ns=SECOND, max_series=2)
    for number in (5, 6, 7):
        series.death(death(number), 0)
    assert saved(series) == {"web": 3}
    series.adopt([kept(10), kept(4, "b")], [death(5), death(4, settled=False)], 1)
    assert {pod: counts[EXITED] for (_, pod, _), counts in series.counts().items()} == {
        "web": 12,
        "b": 4,
    }
    assert saved(series) == {"web": -1}
    series.death(death(4), 1)  # the former run had not settled it
    assert series.counts()[WEB] == {EXITED: 13}
