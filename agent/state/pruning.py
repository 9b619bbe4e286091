"""The oldest events go, by size and by age, in steps that are small enough to come between writes.

Age is counted by CLOCK_BOOTTIME for events of this boot, for a node's wall clock may jump; events
of earlier boots have nothing but the wall clock. Only what is oldest by number ever goes, so a
journal has no holes that pruning made. Freed pages are used again, and given back when many.
"""

from __future__ import annotations

import sqlite3
from itertools import takewhile

from agent.state import schema
from agent.state.batch import Clocks

STEP_ROWS = 256
STEP_PAGES = 64
_KEPT_STREAMS = 64
_HIGH, _LOW = 0.92, 0.88  # of the pages that the journal may have

_OLD = """
SELECT CASE WHEN boot_id = ? THEN boottime_ns < ? ELSE wall_ns < ? END
FROM events ORDER BY stream, seq LIMIT ?
"""
_OLDEST = """
DELETE FROM events WHERE rowid IN (SELECT rowid FROM events ORDER BY stream, seq LIMIT ?)
"""
# Streams of which nothing is held are still known, so that a token of theirs is told "expired".
_STREAMS = f"""
DELETE FROM streams WHERE number <= (SELECT max(number) FROM streams) - {_KEPT_STREAMS}
AND number < ifnull((SELECT min(stream) FROM events), 0)
"""


class Pruning:
    """Works on the writer's connection, between its transactions; raises `sqlite3.Error`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        room: schema.Room,
        max_age_seconds: float,
        boot_id: str,
        clocks: Clocks,
    ) -> None:
        self._connection = connection
        self._room = room
        self._max_age_ns = int(max_age_seconds * 1e9)
        self._boot_id = boot_id
        self._clocks = clocks
        self._shrinking = False

    def step(self, wal_bytes: int) -> tuple[int, bool]:
        """One step: events removed, and whether there is more to do now."""
        if wal_bytes > 2 * self._room.wal_bytes:
            self._checkpoint()
        removed = self._prune()
        return removed, self._give_back() or removed > 0

    def make_room(self) -> int:
        """Remove a step's worth of the oldest events if the journal's own bound is reached.

        Returns how many. On a disk that others have filled, nothing: that would give up the past
        and win no room.
        """
        if self._pragma("page_count") + STEP_PAGES < self._room.pages:
            return 0
        return self._remove(STEP_ROWS)

    def _prune(self) -> int:
        used = self._pragma("page_count") - self._pragma("freelist_count")
        if used > (_LOW if self._shrinking else _HIGH) * self._room.pages:
            self._shrinking = True
            return self._remove(STEP_ROWS)
        self._shrinking = False
        expired = self._expired()
        return self._remove(expired) if expired else 0

    def _expired(self) -> int:
        """How many of the oldest events are too old; one that is not keeps all behind it."""
        boottime_ns = self._clocks.boottime_ns() - self._max_age_ns
        wall_ns = self._clocks.wall_ns() - self._max_age_ns
        rows = self._connection.execute(_OLD, (self._boot_id, boottime_ns, wall_ns, STEP_ROWS))
        return sum(1 for _ in takewhile(lambda row: row[0], rows.fetchall()))

    def _remove(self, rows: int) -> int:
        with schema.transaction(self._connection):
            removed = self._connection.execute(_OLDEST, (rows,)).rowcount
            self._connection.execute(_STREAMS)
        return removed

    def _give_back(self) -> bool:
        """Return free pages to the file system; True if there are more to return."""
        pages, free = self._pragma("page_count"), self._pragma("freelist_count")
        if free <= max(STEP_PAGES, pages // 4) and pages <= self._room.pages:
            return False
        if free == 0:
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})").fetchall()
        schema.limit_pages(self._connection, self._room)
        self._checkpoint()  # only this makes the file shorter
        return True

    def _checkpoint(self) -> None:
        # SQLite swallows what goes wrong in a checkpoint of its own; here it is heard.
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
