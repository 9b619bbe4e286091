"""How far the ledger's checkpoint claims what is stored, and which stored events none ever claimed.

In a storm events are stored in parts, as they are told, and a checkpoint follows when all of them
are. Who is killed in between leaves events that no checkpoint claims. They are history of the
stream: what they tell of is found again in the kernel's log and rings, and is told again, under the
same ids. A ledger that took it for known would count it twice: the sums of its checkpoint do not
have it.

Two keys of `meta`: `claimed` is written with each checkpoint, `unclaimed` at a start, before the
next checkpoint seems to claim what is older than itself.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from agent.state import schema

KINDS = "kind IN ('oom_recorded', 'oom_amended')"
"""Of events that a ledger tells again."""

_LEFT = f"""
SELECT stream, min(seq), max(seq) FROM events
WHERE {KINDS} AND boot_id = ? AND (stream, seq) > (?, ?) GROUP BY stream
"""

Meta = Mapping[str, int | str | bytes | None]


class Place(NamedTuple):
    """A stored event, by the number of its stream and its own: the order of all events."""

    stream: int
    sequence: int


class Range(NamedTuple):
    """Events of one stream, both ends included."""

    stream: int
    first: int
    last: int


NOTHING = Place(0, 0)
ALL = Place((1 << 63) - 1, (1 << 63) - 1)


def mark(last: Place, checkpoint: bytes) -> str:
    """What `claimed` is to say: the last event that this checkpoint claims."""
    return f"{last.stream} {last.sequence} {zlib.crc32(checkpoint)}"


def claimed(meta: Meta) -> Place:
    """The last event that the stored checkpoint claims.

    One that an older version has written, as the missing or foreign checksum tells, claims all:
    that version stored no event ahead of it.
    """
    checkpoint, words = meta.get("checkpoint"), meta.get("claimed")
    if not isinstance(checkpoint, bytes):
        return NOTHING
    try:
        stream, sequence, checksum = map(int, str(words).split())
    except ValueError:
        return ALL
    return Place(stream, sequence) if checksum == zlib.crc32(checkpoint) else ALL


def unclaimed(meta: Meta) -> tuple[Range, ...]:
    """What former starts have found to be history."""
    words = str(meta.get("unclaimed") or "").split()
    try:
        return tuple(Range(*map(int, word.split("-"))) for word in words)
    except (ValueError, TypeError):  # somebody's own hand
        return ()


def settle(connection: sqlite3.Connection, meta: Meta, boot_id: str) -> tuple[Range, ...]:
    """At a start: what is history by now. Of former boots' events only what was history then:
    nobody tells the others again. Raises `sqlite3.Error`.
    """
    before = unclaimed(meta)
    oldest = connection.execute("SELECT stream, seq FROM events ORDER BY stream, seq LIMIT 1")
    first = Place(*(oldest.fetchone() or ALL))
    left = connection.execute(_LEFT, (boot_id, *claimed(meta))).fetchall()
    found = dict.fromkeys([*before, *(Range(*row) for row in left)])
    now = tuple(each for each in found if (each.stream, each.last) >= first)
    if now != before:
        words = " ".join("-".join(map(str, each)) for each in now)
        with schema.transaction(connection):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('unclaimed', ?)", (words,))
    return now
