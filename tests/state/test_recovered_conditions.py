"""The conditions that a journal gives back: the latest of each, of the newest boot."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.model.condition import NODE, Condition, Entity, EntityKind, Severity, Verity
from agent.model.event import ConditionChanged
from agent.model.oom import Container
from agent.state.batch import Batch
from agent.state.position import Numbering
from agent.state.recovery import Recovered
from agent.state.store import Store
from tests.state.making import BOOT, Hands, record, rows

STREAM = Numbering(stream_id="s", first_sequence=1, next_sequence=1)
WEB = Container(namespace="shop", pod="web-0", pod_uid="uid-0", name="app", id="c1")


def changed(
    kind: str, status: Verity = Verity.TRUE, revision: int = 1, entity: Entity = NODE
) -> ConditionChanged:
    return ConditionChanged(
        condition=Condition(
            type=kind,
            entity=entity,
            status=status,
            severity=Severity.WARNING,
            since_wall_ns=5,
            since_boottime_ns=3,
            reason="So",
            message="it is so",
            revision=revision,
        )
    )


def write(path: Path, *events: tuple[str, ConditionChanged]) -> None:
    """One event after the other, each with its boot."""
    store = opened(path)
    store.write(
        Batch(records=[record(n, kind, boot=boot) for n, (boot, kind) in enumerate(events, 1)]),
        STREAM,
    )
    store.close()


def opened(path: Path) -> Store:
    return Store.open(
        path, max_bytes=1 << 20, max_age_seconds=1e9, boot_id=BOOT, clocks=Hands().clocks
    )


def recovered(path: Path) -> Recovered:
    store = opened(path)
    found = store.recover(tail_events=9, max_incidents=9)
    store.close()
    return found


def test_latest_of_each(tmp_path: Path) -> None:
    """Two containers are two; of one, what was told last counts."""
    path = tmp_path / "journal.db"
    of_web = Entity(kind=EntityKind.CONTAINER, id="c1", names=WEB)
    last = changed("A", Verity.FALSE, 2)
    other, web = changed("B"), changed("A", entity=of_web)
    write(path, (BOOT, changed("A")), (BOOT, web), (BOOT, last), (BOOT, other))
    found = recovered(path).conditions
    assert {boot for boot, _ in found} == {BOOT}
    assert {condition.key: condition for _, condition in found} == {
        change.condition.key: change.condition for change in (last, web, other)
    }


def test_of_the_newest_boot(tmp_path: Path) -> None:
    """What was so before a reboot is not so now."""
    path = tmp_path / "journal.db"
    write(path, ("old", changed("A")), ("old", changed("B")), (BOOT, changed("C")))
    assert [(boot, c.type) for boot, c in recovered(path).conditions] == [(BOOT, "C")]


def test_columns(tmp_path: Path) -> None:
    """The pod's names are columns, for people with sqlite3."""
    path = tmp_path / "journal.db"
    write(path, (BOOT, changed("A", entity=Entity(kind=EntityKind.POD, id="uid-0", names=WEB))))
    assert rows(path, "SELECT kind, namespace, pod_uid, container FROM events") == [
        ("condition_changed", "shop", "uid-0", "app")
    ]


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """A row that is no event costs itself alone."""
    path = tmp_path / "journal.db"
    write(path, (BOOT, changed("A")), (BOOT, changed("B")))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE events SET payload = x'ffffff' WHERE seq = 2")
    connection.commit()
    connection.close()
    found = recovered(path)
    assert [condition.type for _, condition in found.conditions] == ["A"]
    assert found.undecodable >= 1
