"""The journal's tables, how a connection to them is made, and which files are refused.

`events.payload` is a serialized agent.api.v1.Event; the other columns are copies out of it, for
people with sqlite3 and a copy of the file. Streams are numbered in their order: (stream, seq) is
the order of all events. `meta`: clean (0 or 1), stream_id, first_sequence and next_sequence (of the
last clean close), checkpoint (opaque bytes of the ledger), claimed and unclaimed (see
agent.state.claims), dropped (events that never reached this file). `exits` is the counter of deaths
and `kills` those of OOM kills (see agent.model.oom.OOMCounter), which go on when the events behind
them are gone. Older versions write neither these nor what is claimed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from agent.state import sums
from agent.state.headers import written_version
from agent.state.trouble import StoreError, Trouble

VERSION = 1  # of the schema: PRAGMA user_version
PAGE_BYTES = 4096

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE streams (
    number INTEGER PRIMARY KEY,
    stream_id TEXT NOT NULL UNIQUE,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL -- the last that was stored
);
CREATE TABLE events (
    stream INTEGER NOT NULL REFERENCES streams (number),
    seq INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    boottime_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod_uid TEXT NOT NULL,
    container TEXT NOT NULL,
    cgroup TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (stream, seq)
);
"""


class Room(Struct, frozen=True, kw_only=True):
    """How `max_bytes` is shared out between the file and its write-ahead log."""

    wal_bytes: int
    batch_bytes: int  # of events in one transaction, if they come in several appends
    append_bytes: int  # of events in one append
    pages: int

    @classmethod
    def of(cls, max_bytes: int) -> Room:
        """A quarter, at most 4 MiB, is the log's; a transaction may add an eighth to a full log."""
        wal = min(max_bytes // 4, 4 << 20)
        pages = max(16, (max_bytes - wal) // PAGE_BYTES)
        append = pages * PAGE_BYTES // 4
        return cls(wal_bytes=wal, batch_bytes=wal // 4, append_bytes=append, pages=pages)


def refuse_newer(path: Path) -> None:
    """Raise `StoreError` REFUSED if a newer version wrote the file, CORRUPT if it is cut short.

    The file is only read.
    """
    version = written_version(path)
    if version > VERSION:
        raise StoreError(
            Trouble.REFUSED,
            f"{path} was written by a newer nodewitness (schema {version}, known here: {VERSION}): "
            "it is left as it is and nothing is stored. Run that version again, or move the file.",
        )


def connect(path: Path, room: Room) -> sqlite3.Connection:
    """The writer's connection, with the tables in place; its thread alone may use it.

    Raises `sqlite3.Error` and `OSError`, and `StoreError` CORRUPT for a file that is not a journal.
    """
    # SQLite gives the log the mode of the file.
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    refuse_newer(path)
    connection = _connected(path)
    try:
        _prepare(connection, path, room)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, room: Room) -> None:
    def pragma(text: str) -> int | str:
        row = connection.execute(f"PRAGMA {text}").fetchone()
        return 0 if row is None else row[0]

    new = pragma("user_version") == 0
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    tables = {name for (name,) in names}
    if tables if new else not tables >= {"meta", "streams", "events"}:
        raise StoreError(Trouble.CORRUPT, f"{path}: an SQLite file, and not a journal")
    if new:  # these two are settled by the first table
        pragma(f"page_size = {PAGE_BYTES}")
        pragma("auto_vacuum = INCREMENTAL")
    if pragma("journal_mode = WAL") != "wal":
        raise StoreError(Trouble.FAILED, f"{path}: this file system cannot hold a write-ahead log")
    pragma("synchronous = FULL")
    pragma(f"wal_autocheckpoint = {room.wal_bytes // 2 // PAGE_BYTES}")
    pragma(f"journal_size_limit = {room.wal_bytes}")
    if new:
        version = f"PRAGMA user_version = {VERSION}"
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {version}; COMMIT")
    connection.executescript(sums.TABLES)
    limit_pages(connection, room)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is done inside; raises `sqlite3.Error`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where it must: on a full disk, on an I/O error.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def limit_pages(connection: sqlite3.Connection, room: Room) -> None:
    """Let the file grow no further than its room; a file that is larger already, not at all."""
    connection.execute(f"PRAGMA max_page_count = {room.pages}").fetchone()


def read_only(path: Path) -> sqlite3.Connection:
    """A connection for one read, in any thread; raises `sqlite3.Error`."""
    connection = _connected(path)
    try:
        connection.execute("PRAGMA query_only = ON").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    """With the index of the log in our memory, and not in a file that is mapped there (-shm).

    Who touches such a page while the disk hangs sleeps in a page fault, with the lock on all of
    the agent's memory: the next of its threads that wants more memory hangs too, and so the agent.
    The price is that no other process can open the file while we have it open.

    https://www.sqlite.org/vfs.html#standard_unix_vfses (unix-excl)
    """
    uri = f"file:{quote(os.fsencode(path))}?mode=rw&vfs=unix-excl"
    return sqlite3.connect(uri, uri=True, isolation_level=None)
