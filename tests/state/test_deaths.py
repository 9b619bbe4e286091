"""agent.state.deaths, and deaths across a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.model.event import EventKind, ExitAmended, ExitRecorded
from agent.model.exits import ContainerDeath, Verdict
from agent.model.oom import Container
from agent.state.batch import Batch
from agent.state.deaths import DeathIndex
from agent.state.position import Numbering
from tests.state.making import Disk, record


def death(number: int, *, revision: int = 1, **fields: Any) -> ContainerDeath:
    known: dict[str, Any] = {
        "container": Container(namespace="shop", pod="web", pod_uid="u", name="app", id="c")
    }
    return ContainerDeath(
        id=f"b/{number}",
        boot_id="b",
        revision=revision,
        boottime_ns=number,
        wall_ns=number * 10,
        **(known | fields),
    )


OTHER = Container(namespace="infra", pod="dns", pod_uid="v", name="side", id="d")
ALL = [
    death(1),
    death(2, verdict=Verdict.EXITED),
    death(3, container=OTHER, verdict=Verdict.CRASHED),
]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [3, 2, 1]),
        ({"since_wall_ns": 20}, [3, 2]),
        ({"namespace": "shop"}, [2, 1]),
        ({"pod": "dns"}, [3]),
        ({"pod": "u"}, [2, 1]),
        ({"container": "side"}, [3]),
        ({"container": "c"}, [2, 1]),
        ({"verdicts": {Verdict.EXITED, Verdict.CRASHED}}, [3, 2]),
        ({"verdicts": {Verdict.EXITED}, "namespace": "infra"}, []),
    ],
)
def test_select(filters: dict[str, Any], numbers: list[int]) -> None:
    """Every filter narrows; the newest comes first."""
    found, more = DeathIndex(ALL).select(**filters, limit=10)
    assert [each.boottime_ns for each in found] == numbers
    assert not more


def test_bounds() -> None:
    """The oldest goes; a limit says that there is more; an older revision changes nothing."""
    index = DeathIndex(ALL, max_deaths=2)
    assert (len(index), index.oldest_wall_ns) == (2, 20)
    assert index.select(limit=1)[1]
    index.put(death(3, revision=3, exit_code=1))
    index.put(death(3, revision=2))
    index.adopt([death(3, revision=9), death(4)])
    found, _ = index.select(limit=10)
    assert [(each.id, each.revision) for each in found] == [("b/4", 1), ("b/3", 3)]
    assert [each.id for each in index.since(30, 10)] == ["b/3", "b/4"]
    assert [each.id for each in index.since(0, 1)] == ["b/4"]


def test_recovery(tmp_path: Path) -> None:
    """A journal gives back the latest revision of each death, and when its last event was."""
    told: list[EventKind] = [
        ExitRecorded(death=death(1)),
        ExitRecorded(death=death(2)),
        ExitAmended(death=death(1, revision=2, settled=True)),
    ]
    disk = Disk(tmp_path / "journal.db")
    store, _ = disk.open(False)
    records = [record(n, kind, ns=n) for n, kind in enumerate(told, 1)]
    store.write(Batch(records=records), Numbering(stream_id="s", first_sequence=1, next_sequence=1))
    found = store.recover(tail_events=9, max_incidents=9)
    store.close()
    assert found.deaths == (death(2), death(1, revision=2, settled=True))
    assert found.last_wall_ns == 3
