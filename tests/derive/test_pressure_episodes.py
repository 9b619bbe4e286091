from __future__ import annotations

from agent.derive.pressure_episodes import EpisodeFold, Firing
from agent.model.pressure import Level, Resource, Scope
from agent.model.usage import Pressure

S = 10**9


def level(total_us: int, avg10: float = 0.0) -> tuple[Level, ...]:
    pressure = Pressure(some_us=total_us, some_avg10=avg10)
    return (Level(scope=Scope.NODE, resource=Resource.IO, pressure=pressure),)


def firing(at: float, total_us: int, avg10: float = 5.0) -> Firing:
    return Firing(
        scope=Scope.NODE,
        resource=Resource.IO,
        boottime_ns=int(at * S),
        wall_ns=int(at * S) + S,
        window_us=1_000_000,
        pressure=Pressure(some_us=total_us, some_avg10=avg10),
    )


def test_one_episode_of_many_firings() -> None:
    """Begins with the first, is over a hold after the last, and is told twice."""
    fold = EpisodeFold(hold_seconds=5.0)
    fold.tick(9 * S, level(1_000))
    fold.tick(10 * S, level(51_000))
    begun = fold.fired(firing(10.5, 301_000))
    assert begun is not None
    assert (begun.window_us, begun.window_stall_us) == (1_500_000, 300_000)
    assert fold.fired(firing(11.5, 901_000, 30.0)) is None
    assert fold.tick(12 * S, level(901_000, 42.0)) == []
    assert fold.tick(16 * S, level(901_000)) == []
    [over] = fold.tick(17 * S, level(901_000))
    assert over.over
    assert (over.fired, over.stall_us, over.peak_avg10) == (2, 900_000, 42.0)
    assert (over.started_boottime_ns, over.last_boottime_ns) == (10.5 * S, 11.5 * S)
    assert fold.current == ()
    assert fold.last == (over,)


def test_another_after_the_hold() -> None:
    fold = EpisodeFold(hold_seconds=5.0)
    assert fold.fired(firing(1, 10)) is not None
    assert fold.tick(6 * S, level(10))
    assert fold.fired(firing(7, 20)) is not None


def test_nothing_was_read_before() -> None:
    """What stalled before the first reading is not known, and not invented."""
    begun = EpisodeFold(hold_seconds=5.0).fired(firing(1, 500_000))
    assert begun is not None
    assert (begun.window_us, begun.window_stall_us) == (0, 0)
