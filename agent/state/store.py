"""The journal's file, as its one writer thread sees it. All of this may take as long as the disk.

The file says whether its numbering can be trusted: it is marked unclean, down to the platter,
before the agent publishes anything, and clean again only by an orderly close. In between, commits
survive the death of the process; a power cut may take the newest, and then the mark tells.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.state import claims, schema, sums
from agent.state.batch import Batch, Clocks, Figures
from agent.state.position import Numbering
from agent.state.pruning import Pruning
from agent.state.record import Record
from agent.state.recovery import Recovered, read_meta, recover
from agent.state.trouble import StoreError, Trouble, store_error

_INSERT = (
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (stream, seq) DO NOTHING"
)
_LAST = "UPDATE streams SET last_sequence = max(last_sequence, ?) WHERE number = ?"
_DROPPED = (
    "INSERT INTO meta VALUES ('dropped', ?) "
    "ON CONFLICT (key) DO UPDATE SET value = value + excluded.value"
)
_ROOM_STEPS = 8


class Store:
    """An open journal file; owned by the thread that opened it, which must `close` it.

    Every method raises `StoreError` and nothing else; what failed was not committed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        pruning: Pruning,
        was_clean: bool,
        boot_id: str,
    ) -> None:
        self._connection = connection
        self._path = path
        self._boot_id = boot_id
        self._pruning = pruning
        self._was_clean = was_clean
        self._streams: dict[str, int] = {}
        with self._told():
            self._events = self._number("SELECT count(*) FROM events")
            self._identity = os.stat(path).st_ino
            sums.forget(connection, boot_id)

    @classmethod
    def open(
        cls, path: Path, *, max_bytes: int, max_age_seconds: float, boot_id: str, clocks: Clocks
    ) -> Store:
        """Open or create the file, check it, and mark it unclean.

        `StoreError` says what is wrong: REFUSED and FULL and FAILED leave the file as it was,
        CORRUPT asks the caller to set it aside.
        """
        room = schema.Room.of(max_bytes)
        try:
            connection = schema.connect(path, room)
        except (sqlite3.Error, OSError) as error:
            raise store_error(error, path) from error
        try:
            was_clean = _mark_unclean(connection, path)
            pruning = Pruning(connection, room, max_age_seconds, boot_id, clocks)
            return cls(connection, path, pruning, was_clean, boot_id)
        except BaseException:
            connection.close()
            raise

    def recover(self, *, tail_events: int, max_incidents: int) -> Recovered:
        """What the file says the agent should go on from."""
        with self._told():
            return recover(
                self._connection,
                clean=self._was_clean,
                tail_events=tail_events,
                max_incidents=max_incidents,
                boot_id=self._boot_id,
                history=claims.settle(self._connection, read_meta(self._connection), self._boot_id),
            )

    def write(self, batch: Batch, numbering: Numbering) -> None:
        """Commit a batch of the stream that `numbering` names, once: a repetition changes nothing.

        Where the journal's own bound is reached, the oldest events make room.
        """
        with self._told():
            for _ in range(_ROOM_STEPS):
                try:
                    return self._write(batch, numbering)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                        raise
                removed = self._pruning.make_room()
                self._events -= removed
                if not removed:
                    break
            return self._write(batch, numbering)

    def _write(self, batch: Batch, numbering: Numbering) -> None:
        with schema.transaction(self._connection):
            number = self._stream_number(numbering)
            stored = self._insert(batch.records, number)
            if batch.checkpoint is not None:
                self._set("checkpoint", batch.checkpoint)
                last = claims.Place(number, batch.claimed)
                self._set("claimed", claims.mark(last, batch.checkpoint))
            # If nothing was inserted, this batch is here already, with its drops and its counts.
            if stored or not batch.records:
                if batch.dropped:
                    self._connection.execute(_DROPPED, (batch.dropped,))
                sums.add(self._connection, self._boot_id, batch.exits, batch.kills)
        self._streams[numbering.stream_id] = number
        self._events += stored

    def _insert(self, records: list[Record], number: int) -> int:
        if not records:
            return 0
        before = self._connection.total_changes
        self._connection.executemany(_INSERT, ((number, *record[1:]) for record in records))
        stored = self._connection.total_changes - before
        self._connection.execute(_LAST, (records[-1].sequence, number))
        return stored

    def _stream_number(self, numbering: Numbering) -> int:
        known = self._streams.get(numbering.stream_id)
        if known is not None:
            return known
        first = numbering.first_sequence
        self._connection.execute(
            "INSERT INTO streams (stream_id, first_sequence, last_sequence) VALUES (?, ?, ?) "
            "ON CONFLICT (stream_id) DO NOTHING",
            (numbering.stream_id, first, first - 1),
        )
        return self._number("SELECT number FROM streams WHERE stream_id = ?", numbering.stream_id)

    def tidy(self) -> bool:
        """One small step of keeping the file within its bounds; True if there is more to do."""
        with self._told():
            if os.stat(self._path).st_ino != self._identity:
                raise StoreError(Trouble.FAILED, f"{self._path}: was replaced or removed")
            removed, more = self._pruning.step(self._wal_bytes())
            self._events -= removed
            return more

    def figures(self) -> Figures:
        """Sizes and numbers of what is stored now."""
        with self._told():
            ends = [
                self._number(f"SELECT seq FROM events ORDER BY stream {way}, seq {way} LIMIT 1")
                for way in ("ASC", "DESC")
            ]
            size = os.stat(self._path).st_size + self._wal_bytes()
        return Figures(
            bytes=size, events=self._events, first_sequence=ends[0], last_sequence=ends[1]
        )

    def close_clean(self, numbering: Numbering) -> None:
        """Record durably where the numbering stands, for the next agent to go on, and close."""
        with self._told():
            self._connection.execute("PRAGMA synchronous = FULL").fetchone()
            with schema.transaction(self._connection):
                self._stream_number(numbering)
                self._set("stream_id", numbering.stream_id)
                self._set("first_sequence", numbering.first_sequence)
                self._set("next_sequence", numbering.next_sequence)
                self._set("clean", 1)
            self._connection.close()

    def close(self) -> None:
        """Close and leave it marked unclean; errors are of no interest any more."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise store_error(error, self._path) from error

    def _set(self, key: str, value: int | str | bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _number(self, query: str, *arguments: str) -> int:
        row = self._connection.execute(query, arguments).fetchone()
        return 0 if row is None else int(row[0])

    def _wal_bytes(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size
        except FileNotFoundError:
            return 0


def _mark_unclean(connection: sqlite3.Connection, path: Path) -> bool:
    """Returns whether it was clean. On return the mark is on the disk, not only in a cache."""
    try:
        was_clean = read_meta(connection).get("clean") == 1
        if not was_clean and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise StoreError(Trouble.CORRUPT, f"{path}: fails SQLite's quick_check")
        with schema.transaction(connection):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('clean', 0)")
        connection.execute("PRAGMA synchronous = NORMAL").fetchone()
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    return was_clean
