"""agent.inventory.recent: the recently dead."""

from agent.inventory.recent import RecentlyDead


def test_by_age() -> None:
    """Kept for `keep_ns` to the nanosecond, counted from the last death."""
    dead = RecentlyDead[str](keep_ns=10, limit=99)
    dead.bury("a", 0)
    dead.bury("b", 1)
    dead.bury("a", 2)
    assert list(dead.forget(11)) == []
    assert list(dead.forget(12)) == ["b"]
    assert list(dead.forget(13)) == ["a"]
    assert len(dead) == 0


def test_by_number() -> None:
    """Beyond `limit` the oldest go."""
    dead = RecentlyDead[int](keep_ns=10, limit=2)
    for key in range(5):
        dead.bury(key, 0)
    assert list(dead.forget(0)) == [0, 1, 2]
    assert (len(dead), 3 in dead, 0 in dead) == (2, True, False)


def test_revived() -> None:
    """Who was not dead is not forgotten."""
    dead = RecentlyDead[str](keep_ns=10, limit=2)
    dead.bury("a", 0)
    dead.revive("a")
    dead.revive("never seen")
    assert list(dead.forget(100)) == []
