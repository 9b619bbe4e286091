"""The counter of deaths: once each, when settled, in series that are bounded."""

from __future__ import annotations

from agent.ledger.exit_series import ExitSeries
from agent.model.exits import ContainerDeath, Verdict
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


def test_once_and_when_settled() -> None:
    """An open death does not count; a further revision does not count again."""
    series = ExitSeries(retention_ns=SECOND, max_series=10)
    series.death(death(1, settled=False), 1)
    assert series.counts() == {}
    for number in (1, 1, 2):
        series.death(death(number), 1)
    assert series.counts() == {("shop", "web", "app"): {Verdict.EXITED: 2}}


def test_bounds() -> None:
    """The longest without a death goes; and what is gone for longer than the retention."""
    series = ExitSeries(retention_ns=SECOND, max_series=2)
    for number, pod in enumerate(("a", "b", "a", "c")):
        series.death(death(number, pod), 0)
    assert [pod for _, pod, _ in series.counts()] == ["a", "c"]
    series.expire(2 * SECOND, {("shop", "c", "app")})
    series.expire(3 * SECOND, set())
    assert [pod for _, pod, _ in series.counts()] == ["c"]
    series.expire(4 * SECOND, set())
    assert series.counts() == {}
