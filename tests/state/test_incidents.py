from __future__ import annotations

import pytest

from agent.model.oom import Container, Disagreement, Truth
from agent.state.incidents import IncidentIndex
from tests.state.making import incident

OTHER = Container(namespace="bank", pod="db-0", pod_uid="uid-1", name="db")
HELD = [
    incident(1),
    incident(2, container=OTHER, hidden=Truth.YES),
    incident(3, hidden=Truth.NO, drill=True),
    incident(4, container=None, hidden=Truth.YES, disagreement=Disagreement.REPORTED_WITHOUT_DEATH),
]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"since_wall_ns": 2_000_000_000}, [4, 3, 2]),
        ({"namespace": "bank"}, [2]),
        ({"pod": "web-0"}, [3, 1]),
        ({"pod": "uid-1"}, [2]),
        ({"namespace": "shop", "pod": "db-0"}, []),
        ({"hidden": True}, [4, 2]),
        ({"exclude_drills": True}, [4, 2, 1]),
        ({"disagreements": True}, [4]),
    ],
)
def test_select(filters: dict[str, object], numbers: list[int]) -> None:
    """Incidents that match every filter, newest first; an unknown pod matches no name."""
    found, truncated = IncidentIndex(9, HELD).select(limit=9, **filters)  # type: ignore[arg-type]
    assert [i.boottime_ns for i in found] == numbers
    assert not truncated


@pytest.mark.parametrize(("limit", "count", "truncated"), [(3, 3, True), (4, 4, False)])
def test_limit(limit: int, count: int, truncated: bool) -> None:
    """An answer that was cut short says so; one that just fits does not."""
    found, more = IncidentIndex(9, HELD).select(limit=limit)
    assert (len(found), more) == (count, truncated)


def test_revisions() -> None:
    """A later revision takes the place of the earlier one, and never the other way round."""
    index = IncidentIndex(9, HELD)
    index.put(incident(2, 3))
    index.put(incident(2, 2, unit="stale"))
    assert index.get(incident(2).id) == incident(2, 3)
    assert len(index) == 4


def test_revision_that_moves_in_time() -> None:
    """An amendment may know the time better; the order follows."""
    index = IncidentIndex(9, HELD)
    index.put(incident(1, 2, wall_ns=9_000_000_000))
    assert index.select(limit=1)[0][0].boottime_ns == 1
    assert index.oldest_wall_ns == 2_000_000_000


def test_bounded() -> None:
    """Beyond the bound the oldest goes, whatever the order in which they came."""
    index = IncidentIndex(2, [incident(3), incident(1), incident(2)])
    assert [i.boottime_ns for i in index.select(limit=9)[0]] == [3, 2]
    assert index.get(incident(1).id) is None
    assert index.oldest_wall_ns == 2_000_000_000


def test_adopt() -> None:
    """What a late journal knows fills in; what this agent found out itself stays."""
    index = IncidentIndex(9, [incident(2, 1, unit="ours")])
    index.adopt([incident(1), incident(2, 5)])
    held = index.get(incident(2).id)
    assert held is not None
    assert (held.unit, held.revision) == ("ours", 1)
    assert len(index) == 2


def test_empty() -> None:
    """Nothing held: an empty answer, and no oldest."""
    index = IncidentIndex(9)
    assert index.select(limit=9) == ((), False)
    assert index.oldest_wall_ns is None
