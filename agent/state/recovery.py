"""What a journal says when it is opened: where the numbering stands, and the latest events."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence

from msgspec import Struct

from agent.api.codec import event_from_bytes
from agent.api.condition import condition_to_model
from agent.api.exits import death_to_model
from agent.api.oom import incident_to_model
from agent.api.wire import CodecError
from agent.model.condition import Condition, EntityKind
from agent.model.exits import ContainerDeath, ExitCount
from agent.model.oom import OOMCount, OOMIncident
from agent.state.claims import KINDS, Range
from agent.state.deaths import MAX_DEATHS
from agent.state.position import Kept, Numbering, Span
from agent.state.sums import read_exits, read_kills

MAX_CHANGES = 20_000
"""Changes of conditions that are looked at: what changed before them was forgotten long ago."""


class Recovered(Struct, frozen=True, kw_only=True):
    """What was found at open; `Recovered.nothing()` if nothing could be opened in time."""

    numbering: Numbering
    spans: tuple[Span, ...] = ()  # the streams that were stored, oldest first; may hold numbering's
    tail: tuple[Kept, ...] = ()  # the last events, oldest first
    checkpoint: bytes | None = None
    incidents: tuple[OOMIncident, ...] = ()  # each in its latest claimed revision, oldest first
    conditions: tuple[tuple[str, Condition], ...] = ()  # the latest of each key, with its boot id
    deaths: tuple[ContainerDeath, ...] = ()  # each in its latest revision, oldest first
    exits: tuple[ExitCount, ...] = ()  # the counter of deaths on this boot
    kills: tuple[OOMCount, ...] = ()  # those of OOM kills on this boot
    last_wall_ns: int = 0  # when the last stored event was told; 0: none is held
    dropped: int = 0  # events that this journal ever had to leave out
    undecodable: int = 0  # stored events that this version cannot read, among those looked at
    read: bool = True  # a file was read, be it a new one

    @classmethod
    def nothing(cls) -> Recovered:
        """An empty past, and a stream of its own."""
        return cls(numbering=fresh_numbering(1), read=False)


def fresh_numbering(sequence: int) -> Numbering:
    """A new stream that begins with this sequence."""
    return Numbering(stream_id=uuid.uuid4().hex, first_sequence=sequence, next_sequence=sequence)


def read_meta(connection: sqlite3.Connection) -> dict[str, int | str | bytes | None]:
    """The table `meta`."""
    return dict(connection.execute("SELECT key, value FROM meta"))


def read_spans(connection: sqlite3.Connection) -> tuple[Span, ...]:
    """The table `streams`, in order."""
    rows = connection.execute(
        "SELECT stream_id, first_sequence, last_sequence FROM streams ORDER BY number"
    )
    return tuple(Span(stream_id=name, first=first, last=last) for name, first, last in rows)


def recover(
    connection: sqlite3.Connection,
    *,
    clean: bool,
    tail_events: int,
    max_incidents: int,
    boot_id: str,
    history: Sequence[Range],
) -> Recovered:
    """Read what the agent goes on from; `clean` is what the file said before it was opened,
    `history` what no checkpoint claims.

    A clean journal's stream goes on. Of an unclean one nobody knows how many numbers were given out
    and not stored, so a new stream begins behind the last number that was.
    """
    meta = read_meta(connection)
    spans = read_spans(connection)
    stream_id, first, upcoming = (
        meta.get(key) for key in ("stream_id", "first_sequence", "next_sequence")
    )
    if (
        clean
        and isinstance(stream_id, str)
        and isinstance(first, int)
        and isinstance(upcoming, int)
    ):
        numbering = Numbering(stream_id=stream_id, first_sequence=first, next_sequence=upcoming)
    else:
        numbering = fresh_numbering(spans[-1].last + 1 if spans else 1)
    checkpoint, dropped = meta.get("checkpoint"), meta.get("dropped")
    tail, bad = _tail(connection, tail_events)
    incidents, undecodable = _incidents(connection, max_incidents, history)
    conditions, unreadable = _conditions(connection)
    deaths, unread_deaths = _deaths(connection)
    return Recovered(
        numbering=numbering,
        spans=spans,
        tail=tail,
        checkpoint=checkpoint if isinstance(checkpoint, bytes) else None,
        incidents=incidents,
        conditions=conditions,
        deaths=deaths,
        exits=read_exits(connection, boot_id),
        kills=read_kills(connection, boot_id),
        last_wall_ns=_last_wall_ns(connection),
        dropped=dropped if isinstance(dropped, int) else 0,
        undecodable=max(bad, undecodable, unreadable, unread_deaths),
    )


def _tail(connection: sqlite3.Connection, limit: int) -> tuple[tuple[Kept, ...], int]:
    rows = connection.execute(
        "SELECT stream_id, seq, payload FROM events JOIN streams ON number = stream "
        "ORDER BY stream DESC, seq DESC LIMIT ?",
        (limit,),
    ).fetchall()
    kept = sound(rows)
    return tuple(reversed(kept)), len(rows) - len(kept)


def sound(rows: list[tuple[str, int, bytes]]) -> list[Kept]:
    """Those rows whose payload is an event; what is left out shows as a gap in the numbers."""
    kept = []
    for stream_id, sequence, payload in rows:
        try:
            event_from_bytes(payload)
        except CodecError:
            continue
        kept.append(Kept(stream_id, sequence, payload))
    return kept


def _incidents(
    connection: sqlite3.Connection, limit: int, history: Sequence[Range]
) -> tuple[tuple[OOMIncident, ...], int]:
    """From the newest event back: the first revision that is met of an incident is its latest. What
    no checkpoint claims is left out: it is told again.
    """
    found: dict[str, OOMIncident] = {}
    undecodable = 0
    rows = connection.execute(
        f"SELECT stream, seq, payload FROM events WHERE {KINDS} ORDER BY stream DESC, seq DESC"
    )
    for stream, sequence, payload in rows:
        if any(r.stream == stream and r.first <= sequence <= r.last for r in history):
            continue
        try:
            event = event_from_bytes(payload)
            amended = event.WhichOneof("kind") == "oom_amended"
            wire = event.oom_amended if amended else event.oom_recorded
            if wire.id not in found:
                found[wire.id] = incident_to_model(wire)
        except CodecError:
            undecodable += 1
        if len(found) >= limit:
            break
    rows.close()
    return tuple(reversed(found.values())), undecodable


def _deaths(connection: sqlite3.Connection) -> tuple[tuple[ContainerDeath, ...], int]:
    """As `_incidents`, of all that is stored: a death is its own claim, for the counter of deaths
    has risen with the very event that settled it, and no ring of the kernel has it again.
    """
    found: dict[str, ContainerDeath] = {}
    undecodable = 0
    rows = connection.execute(
        "SELECT payload FROM events WHERE kind IN ('exit_recorded', 'exit_amended') "
        "ORDER BY stream DESC, seq DESC"
    )
    for (payload,) in rows:
        try:
            event = event_from_bytes(payload)
            amended = event.WhichOneof("kind") == "exit_amended"
            wire = event.exit_amended if amended else event.exit_recorded
            if wire.id not in found:
                found[wire.id] = death_to_model(wire)
        except CodecError:
            undecodable += 1
        if len(found) >= MAX_DEATHS:
            break
    rows.close()
    return tuple(reversed(found.values())), undecodable


def _last_wall_ns(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT wall_ns FROM events ORDER BY stream DESC, seq DESC LIMIT 1"
    ).fetchone()
    return 0 if row is None else int(row[0])


def _conditions(
    connection: sqlite3.Connection,
) -> tuple[tuple[tuple[str, Condition], ...], int]:
    """Of the newest boot that has any: what was told last of each."""
    found: dict[tuple[str, EntityKind, str], Condition] = {}
    undecodable, boot = 0, ""
    rows = connection.execute(
        "SELECT boot_id, payload FROM events WHERE kind = 'condition_changed' "
        "ORDER BY stream DESC, seq DESC LIMIT ?",
        (MAX_CHANGES,),
    )
    for boot_id, payload in rows:
        boot = boot or boot_id
        if boot_id != boot:
            break
        try:
            event = event_from_bytes(payload)
            condition = condition_to_model(event.condition_changed.condition)
        except CodecError:
            undecodable += 1
            continue
        found.setdefault(condition.key, condition)
    rows.close()
    return tuple((boot, condition) for condition in found.values()), undecodable
