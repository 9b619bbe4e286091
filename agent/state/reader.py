"""Stored events for a replay, through a connection of their own that can only read."""

from __future__ import annotations

from pathlib import Path

from agent.state import schema
from agent.state.position import Kept, Position
from agent.state.recovery import sound


class ReplayError(Exception):
    """Stored events cannot be had now: the disk fails, or does not answer."""


_ALL = """
SELECT stream_id, seq, payload FROM events JOIN streams ON number = stream
ORDER BY stream, seq LIMIT ?
"""
_AFTER = """
SELECT stream_id, seq, payload FROM events JOIN streams ON number = stream
WHERE (stream, seq) > ((SELECT number FROM streams WHERE stream_id = ?), ?)
ORDER BY stream, seq LIMIT ?
"""


def read_page(path: Path, after: Position | None, limit: int) -> tuple[Kept, ...]:
    """At most `limit` stored events after a position (None: from the oldest on), in order.

    Empty if nothing that is stored comes after it, or its stream was never stored. Raises
    `sqlite3.Error`; it takes as long as the disk.
    """
    connection = schema.read_only(path)
    try:
        if after is None:
            rows = connection.execute(_ALL, (limit,)).fetchall()
        else:
            rows = connection.execute(_AFTER, (*after, limit)).fetchall()
    finally:
        connection.close()
    return tuple(sound(rows))
