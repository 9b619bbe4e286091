from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.event import JournalChange
from agent.state.journal import Journal, Limits
from agent.state.off import NoJournal
from agent.state.position import Kept, Position
from agent.state.reader import ReplayError, read_page
from agent.state.record import Record
from agent.state.recovery import Recovered
from agent.state.setaside import asides
from agent.state.trouble import StoreError, Trouble
from tests.state import making
from tests.state.making import SOON, Disk, incident, meta, note, record, recorded, stored

FULL = StoreError(Trouble.FULL, "no space")
FAILED = StoreError(Trouble.FAILED, "input/output error")


class Watch:
    """Waits for what the journal tells."""

    def __init__(self, journal: Journal) -> None:
        self.changes: list[JournalChange] = []
        self.found: list[Recovered] = []
        self._told = asyncio.Condition()
        self._news = asyncio.Event()
        journal.attach(asyncio.get_running_loop(), self._change, self._late)

    def _change(self, change: JournalChange) -> None:
        self.changes.append(change)
        self._news.set()

    def _late(self, found: Recovered) -> None:
        self.found.append(found)

    async def until(self, state: str) -> JournalChange:
        async with asyncio.timeout(SOON):
            while not self.changes or self.changes[-1].state != state:
                self._news.clear()
                await self._news.wait()
        return self.changes[-1]


def _events(journal: Journal, *sequences: int) -> list[Record]:
    stream = journal.recovered.numbering.stream_id
    return [record(n, recorded(n), stream=stream) for n in sequences]


def test_reopen(disk: Disk) -> None:
    """What was stored is found again: numbering, events, checkpoint, incidents."""
    journal = disk.journal()
    assert journal.append(_events(journal, 1, 2), b"two")
    assert journal.close(SOON)
    again = disk.journal()
    stream = journal.recovered.numbering.stream_id
    assert again.recovered.numbering.stream_id == stream
    assert again.recovered.numbering.next_sequence == 3
    assert [event.position for event in again.recovered.tail] == [(stream, 1), (stream, 2)]
    assert again.recovered.checkpoint == b"two"
    assert again.recovered.incidents == (incident(1), incident(2))
    health = again.health()
    assert (health.state, health.events, health.first_sequence, health.last_sequence) == (
        "ok", 2, 1, 2,
    )  # fmt: skip
    assert health.stream_id == stream
    assert 0 < health.bytes <= health.max_bytes
    assert again.close(SOON)


def test_closing_an_unused_journal(disk: Disk) -> None:
    """An agent that published nothing leaves the numbering as it was."""
    journal = disk.journal()
    journal.append(_events(journal, 1), None)
    journal.close(SOON)
    for _ in range(2):
        journal = disk.journal()
        assert journal.recovered.numbering.next_sequence == 2
        assert journal.close(SOON)


def test_dropped_events_keep_their_numbers(disk: Disk) -> None:
    """Numbers that were given out and not stored are not given out again after a clean close."""
    journal = disk.journal(queue_events=1)
    disk.moving.clear()
    journal.append(_events(journal, 1), None)
    journal.append(_events(journal, 2), None)
    disk.moving.set()
    assert journal.close(SOON)
    assert disk.journal().recovered.numbering.next_sequence == 3


async def test_hung_disk(disk: Disk) -> None:
    """While a write hangs, appends return; it is told as stalled, and what waited is stored."""
    journal = disk.journal()
    watch = Watch(journal)
    disk.moving.clear()
    journal.append(_events(journal, 1), b"one")
    assert disk.hanging.wait(SOON)
    assert journal.append(_events(journal, 2), b"two")
    journal.poll()
    assert watch.changes == []
    disk.hands.monotonic = 6.0
    journal.poll()
    assert [change.state for change in watch.changes] == ["stalled"]
    health = journal.health()
    assert (health.state, health.waiting) == ("stalled", 2)
    assert "not answered for 6 s" in health.detail
    disk.moving.set()
    assert journal.wait_stored(2, SOON)
    assert len(stored(disk.path)) == 2
    journal.close(SOON)
    journal.poll()
    assert watch.changes[-1].state == "ok"


async def test_overflow_while_the_disk_hangs(disk: Disk) -> None:
    """Events beyond the queue are dropped and counted, and the file says so once it can."""
    journal = disk.journal(queue_events=2)
    watch = Watch(journal)
    disk.moving.clear()
    journal.append(_events(journal, 1, 2), b"two")
    assert disk.hanging.wait(SOON)
    disk.hands.monotonic = 6.0
    journal.poll()
    assert not journal.append(_events(journal, 3, 4, 5), b"five")
    assert journal.health().dropped == 3
    disk.moving.set()
    assert journal.wait_stored(2, SOON)
    assert (meta(disk.path, "checkpoint"), meta(disk.path, "dropped")) == (b"two", None)
    journal.append(_events(journal, 6), b"six")
    assert journal.wait_stored(6, SOON)
    assert (meta(disk.path, "checkpoint"), meta(disk.path, "dropped")) == (b"six", 3)
    assert [sequence for _, sequence in stored(disk.path)] == [1, 2, 6]
    journal.close(SOON)
    journal.poll()
    assert "3 events were dropped" in watch.changes[-1].detail


@pytest.mark.parametrize(("error", "state"), [(FULL, "full"), (FAILED, "failed")])
async def test_retried(disk: Disk, error: StoreError, state: str) -> None:
    """A disk that refuses is told as what it is, tried again, and the recovery is told."""
    journal = disk.journal()
    watch = Watch(journal)
    disk.on_write += [error, error, error]
    disk.moving.clear()
    journal.append(_events(journal, 1), b"one")
    assert disk.hanging.wait(SOON)
    journal.append(_events(journal, 2), b"two")
    disk.moving.set()
    change = await watch.until("ok")
    assert [change.state for change in watch.changes] == [state, "ok"]
    assert watch.changes[0].detail == error.detail
    assert change.detail == "stores again; 0 events were dropped meanwhile."
    assert journal.wait_stored(2, SOON)
    assert len(stored(disk.path)) == 2
    assert journal.close(SOON)


async def test_file_at_its_page_limit(disk: Disk) -> None:
    """SQLite's own "database or disk is full" is told as full; with room again, all is stored."""
    journal = disk.journal()
    journal.append(_events(journal, 1), None)
    journal.close(SOON)

    def no_room(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    disk.after_open = no_room
    journal = disk.journal()
    watch = Watch(journal)
    stream = journal.recovered.numbering.stream_id
    journal.append([record(2, note(2, size=100_000), stream=stream)], b"two")
    change = await watch.until("full")
    assert "SQLITE_FULL" in change.detail
    assert meta(disk.path, "checkpoint") is None
    disk.after_open = lambda connection: None
    await watch.until("ok")
    assert stored(disk.path) == [(stream, 1), (stream, 2)]
    assert meta(disk.path, "checkpoint") == b"two"
    journal.close(SOON)


async def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """The agent starts without its directory, and stores all that waits when it can."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o500)
    disk = Disk(directory / "journal.db")
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may write anywhere
    try:
        journal = disk.journal()
        watch = Watch(journal)
        change = await watch.until("failed")
        assert "Permission denied" in change.detail
        assert journal.append(_events(journal, 1), b"one")
    finally:
        if root:
            os.seteuid(0)
    directory.chmod(0o700)
    await watch.until("ok")
    assert journal.wait_stored(1, SOON)
    assert journal.close(SOON)


async def test_newer_version(disk: Disk) -> None:
    """A file of a newer version is left alone; events are dropped and counted, the agent runs."""
    disk.journal().close(SOON)
    connection = sqlite3.connect(disk.path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    content = disk.path.read_bytes()
    journal = disk.journal()
    health = journal.health()
    assert health.state == "refused"
    assert "schema 9" in health.detail
    assert "Run that version again" in health.detail
    assert not journal.append(_events(journal, 1), b"one")
    assert journal.health().dropped == 1
    with pytest.raises(ReplayError, match="schema 9"):
        await journal.read_after(None, 9)
    assert not journal.close(SOON)
    assert disk.path.read_bytes() == content


async def test_corrupt_at_open(disk: Disk) -> None:
    """A corrupt file is set aside before the agent starts; the health says so and stays ok."""
    disk.path.write_bytes(b"x" * 9999)
    journal = disk.journal()
    watch = Watch(journal)
    assert journal.recovered.numbering.next_sequence == 1
    (change,) = watch.changes
    (aside,) = asides(disk.path)
    assert change.state == "ok"
    assert str(aside) in change.detail
    assert str(aside) in journal.health().detail
    journal.close(SOON)


async def test_corrupt_in_the_middle(disk: Disk) -> None:
    """When a write meets damage, the file is set aside at once; what waited goes into a new one."""
    journal = disk.journal()
    watch = Watch(journal)
    disk.on_write.append(StoreError(Trouble.CORRUPT, "database disk image is malformed"))
    journal.append(_events(journal, 1), b"one")
    assert journal.wait_stored(1, SOON)
    change = await watch.until("ok")
    assert str(asides(disk.path)[0]) in change.detail
    assert [change.state for change in watch.changes] == ["ok"]
    stream = journal.recovered.numbering.stream_id
    assert stored(disk.path) == [(stream, 1)]
    assert journal.close(SOON)


async def test_file_removed(disk: Disk) -> None:
    """When somebody removes the file, a new one begins, and the stream goes on in it."""
    journal = disk.journal()
    watch = Watch(journal)
    disk.path.unlink()
    journal.append(_events(journal, 1), None)
    assert journal.wait_stored(1, SOON)
    await watch.until("ok")
    journal.append(_events(journal, 2), None)
    assert journal.wait_stored(2, SOON)
    assert [sequence for _, sequence in stored(disk.path)] == [2]
    assert journal.close(SOON)
    assert disk.journal().recovered.numbering.next_sequence == 3


async def test_late_open(disk: Disk) -> None:
    """If the disk hangs at start, the agent runs on a new stream, and a late file takes that in."""
    old = disk.journal()
    old.append(_events(old, 1, 2, 3), b"three")
    assert old.close(SOON)
    disk.moving.clear()
    journal = disk.journal(open_seconds=0.001)
    assert journal.unread
    watch = Watch(journal)
    assert (journal.recovered.tail, journal.recovered.checkpoint) == ((), None)
    assert journal.recovered.numbering.next_sequence == 1
    assert [change.state for change in watch.changes] == ["stalled"]
    assert journal.append(_events(journal, 1, 2), b"new")
    disk.moving.set()
    await watch.until("ok")
    assert journal.wait_stored(2, SOON)
    (found,) = watch.found
    assert found.incidents == (incident(1), incident(2), incident(3))
    assert [span.stream_id for span in journal.spans] == [old.recovered.numbering.stream_id]
    both = (old.recovered.numbering.stream_id, journal.recovered.numbering.stream_id)
    expected = [(both[0], 1), (both[0], 2), (both[0], 3), (both[1], 1), (both[1], 2)]
    assert stored(disk.path) == expected
    assert meta(disk.path, "checkpoint") == b"new"
    assert journal.close(SOON)
    again = disk.journal()
    assert again.recovered.numbering.stream_id == both[1]
    assert [(span.stream_id, span.first, span.last) for span in again.spans] == [
        (both[0], 1, 3), (both[1], 1, 2),
    ]  # fmt: skip
    again.close(SOON)


async def test_open_fails_and_succeeds_later(disk: Disk) -> None:
    """A file that cannot be opened does not make the agent wait; it is tried again."""
    disk.on_open += [FAILED, FULL, FAILED]
    journal = disk.journal(open_seconds=10 * SOON)
    watch = Watch(journal)
    journal.append(_events(journal, 1), None)
    assert journal.wait_stored(1, SOON)
    await watch.until("ok")
    assert journal.close(SOON)


def test_close_while_the_disk_hangs(disk: Disk) -> None:
    """Closing gives up after its deadline, and the file stays unclean: a new stream follows."""
    journal = disk.journal()
    disk.moving.clear()
    journal.append(_events(journal, 1), None)
    assert disk.hanging.wait(SOON)
    assert not journal.close(0.001)


def test_close_while_the_disk_fails(disk: Disk) -> None:
    """Closing tries once more; events that cannot be stored leave the file unclean."""
    journal = disk.journal()
    disk.on_write += [FAILED] * 100
    journal.append(_events(journal, 1), None)
    assert not journal.close(SOON)
    disk.on_write.clear()
    again = disk.journal()
    assert again.recovered.numbering.stream_id != journal.recovered.numbering.stream_id
    again.close(SOON)


async def test_writer_dies(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the writer is told as a failure, and its queue does not grow."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    journal = disk.journal()
    watch = Watch(journal)
    disk.on_write.append(ZeroDivisionError())
    journal.append(_events(journal, 1), None)
    change = await watch.until("failed")
    assert change.detail == "the writer has died"
    assert not journal.append(_events(journal, 2), None)
    assert journal.health().dropped == 2
    assert not journal.close(SOON)


async def test_read_after(disk: Disk) -> None:
    """Stored events are read in order, from any of the streams, in pages."""
    journal = disk.journal()
    stream = journal.recovered.numbering.stream_id
    journal.append(_events(journal, *range(1, 6)), None)
    assert journal.wait_stored(5, SOON)

    async def page(after: Position | None, limit: int) -> list[int]:
        return [event.sequence for event in await journal.read_after(after, limit)]

    assert await page(None, 2) == [1, 2]
    assert await page(Position(stream, 2), 2) == [3, 4]
    assert await page(Position(stream, 5), 2) == []
    assert await page(Position("unknown", 0), 2) == []
    journal.close(SOON)


async def test_read_what_still_waits(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that are on their way to the disk are waited for, not called missing."""
    journal = disk.journal()
    journal.append(_events(journal, 1), None)
    assert journal.wait_stored(1, SOON)
    disk.moving.clear()
    journal.append(_events(journal, 2), None)
    assert disk.hanging.wait(SOON)
    pages: list[int] = []

    def read(path: Path, after: Position | None, limit: int) -> tuple[Kept, ...]:
        page = read_page(path, after, limit)
        pages.append(len(page))
        disk.moving.set()  # the disk moves on only after the first look
        return page

    monkeypatch.setattr("agent.state.journal.read_page", read)
    stream = journal.recovered.numbering.stream_id
    found = await journal.read_after(Position(stream, 1), 9)
    assert [event.sequence for event in found] == [2]
    assert pages == [0, 1]
    journal.close(SOON)


async def test_read_fails(disk: Disk) -> None:
    """A file that cannot be read is an error that says so."""
    journal = disk.journal()
    disk.path.unlink()
    with pytest.raises(ReplayError, match="unable to open"):
        await journal.read_after(None, 9)
    journal.close(SOON)


def test_off() -> None:
    """Without a journal nothing is stored, nothing is missed, and the health says "off"."""
    journal = NoJournal(wall_ns=7)
    assert journal.append([record(1)], b"one")
    assert asyncio.run(journal.read_after(None, 9)) == ()
    health = journal.health()
    assert (health.state, health.dropped, health.since_wall_ns) == ("off", 0, 7)


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.write_bytes(b"")])
def test_defaults(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    """With nothing replaced the journal opens, stores and closes on a real disk."""
    path = tmp_path / "journal.db"
    prepare(path)
    journal = Journal.open(path, Limits(), making.BOOT)
    journal.append(_events(journal, 1), None)
    assert journal.close(SOON)
    assert len(stored(path)) == 1
