"""agent.state.claims: what a start takes for known, by what the checkpoint on the disk claims."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent.model.event import EventKind
from agent.state.batch import Batch
from agent.state.position import Numbering
from agent.state.recovery import Recovered
from agent.state.store import Store
from tests.state.making import BOOT, Disk, Hands, amended, incident, meta, note, record, recorded

STREAMS = [Numbering(stream_id=name, first_sequence=1, next_sequence=1) for name in "sturvw"]


def opened(path: Path, boot_id: str = BOOT) -> tuple[Store, Recovered]:
    store = Store.open(
        path, max_bytes=1 << 20, max_age_seconds=1e9, boot_id=boot_id, clocks=Hands().clocks
    )
    return store, store.recover(tail_events=9, max_incidents=9)


def write(
    store: Store, run: int, kinds: dict[int, EventKind], claims: int | None, data: bytes = b"c"
) -> None:
    """Events of a run by number, and the last one that its checkpoint claims, if it has one."""
    stream = STREAMS[run]
    events = [record(number, kind, stream=stream.stream_id) for number, kind in kinds.items()]
    checkpoint = None if claims is None else data
    store.write(Batch(records=events, checkpoint=checkpoint, claimed=claims or 0), stream)


def known(found: Recovered) -> list[tuple[str, int]]:
    return [(each.id.rpartition("/")[2], each.revision) for each in found.incidents]


def test_what_is_not_claimed_is_history(tmp_path: Path) -> None:
    """Of each incident the latest claimed revision is known, if it has one; for good, for the next
    checkpoint claims what its own run has told. The stream has all.
    """
    path = tmp_path / "journal.db"
    store, _ = opened(path)
    write(store, 0, {1: recorded(1), 2: recorded(2)}, 2)
    write(store, 0, {3: amended(1, 2), 4: recorded(3), 5: note(5)}, None)
    store.close()
    for _ in range(2):
        store, found = opened(path)
        assert known(found) == [("k1", 1), ("k2", 1)]
        assert [kept.sequence for kept in found.tail] == [1, 2, 3, 4, 5]
        store.close()
    store, _ = opened(path)
    write(store, 1, {1: recorded(4), 2: amended(2, 2)}, 1)
    store.close()
    store, found = opened(path)
    assert known(found) == [("k1", 1), ("k2", 1), ("k4", 1)]
    write(store, 2, {1: recorded(3), 2: amended(1, 2)}, 2)
    store.close()
    store, found = opened(path)
    assert known(found) == [("k2", 1), ("k4", 1), ("k3", 1), ("k1", 2)]
    store.close()


def test_without_a_checkpoint_nothing_is_known(tmp_path: Path) -> None:
    """But of former boots all: nobody tells that again."""
    path = tmp_path / "journal.db"
    store, _ = opened(path)
    write(store, 0, {1: recorded(1)}, None)
    store.close()
    store, found = opened(path)
    assert known(found) == []
    store.close()
    store, found = opened(path, "next")
    assert known(found) == []  # it was told again, or was in no ring any more
    write(store, 1, {1: recorded(2)}, None)  # of the boot before
    store.close()
    store, found = opened(path, "next")
    assert known(found) == [("k2", 1)]
    store.close()


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM meta WHERE key = 'claimed'",
        "UPDATE meta SET value = CAST('newer' AS BLOB) WHERE key = 'checkpoint'",
    ],
)
def test_an_older_version_has_claimed_all(tmp_path: Path, edit: str) -> None:
    """It wrote the file last, or nobody else ever did."""
    path = tmp_path / "journal.db"
    store, _ = opened(path)
    write(store, 0, {1: recorded(1)}, 1)
    write(store, 0, {2: recorded(2)}, None)
    store.close()
    connection = sqlite3.connect(path)
    connection.execute(edit)
    connection.commit()
    connection.close()
    store, found = opened(path)
    assert known(found) == [("k1", 1), ("k2", 1)]
    store.close()


def test_what_is_pruned_is_forgotten(tmp_path: Path) -> None:
    """Also an incident of which only the claimed revision is: the sums have it."""
    path = tmp_path / "journal.db"
    store, _ = opened(path)
    write(store, 0, {1: recorded(1)}, 1)
    write(store, 0, {2: amended(1, 2)}, None)
    store.close()
    store, _ = opened(path)
    assert meta(path, "unclaimed") == "1-2-2"
    write(store, 1, {1: note(1)}, 1)
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM events WHERE seq = 1 AND stream = 1")
    connection.commit()
    store, found = opened(path)
    assert known(found) == []
    store.close()
    connection.execute("DELETE FROM events WHERE stream = 1")
    connection.commit()
    connection.close()
    store, _ = opened(path)
    assert meta(path, "unclaimed") == ""
    store.close()


def test_the_journal_claims_what_it_was_given(tmp_path: Path) -> None:
    """A checkpoint alone claims what former runs have stored in the same stream; in one batch with
    later events it does not claim those.
    """
    disk = Disk(tmp_path / "journal.db")
    journal = disk.journal()
    stream = journal.recovered.numbering.stream_id
    journal.append([record(1, recorded(1), stream=stream)], b"one")
    assert journal.close()
    journal = disk.journal()
    disk.moving.clear()
    journal.append([], b"two")
    journal.append([record(2, recorded(2), stream=stream)], None)
    disk.moving.set()
    assert journal.wait_stored(2, 20)
    disk.leave()
    left = disk.journal()
    assert left.recovered.incidents == (incident(1),)
    assert left.recovered.checkpoint == b"two"
    assert left.close()
    assert journal.close()
