"""Events, journals and disks that misbehave when they are told to."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agent.model.event import Event, EventKind, OOMAmended, OOMRecorded, SourceChange
from agent.model.oom import Container, OOMIncident, Victim
from agent.state.batch import Batch, Clocks, Figures
from agent.state.journal import Journal, Limits, Seams
from agent.state.opener import opener
from agent.state.position import Kept, Numbering, Position
from agent.state.record import Record, record_of
from agent.state.recovery import Recovered
from agent.state.writer import JournalStore

BOOT = "0b007000-0000-4000-8000-000000000000"
SOON = 20.0  # seconds that a test waits for what must happen, before it fails


def incident(number: int, revision: int = 1, **rest: object) -> OOMIncident:
    fields: dict[str, object] = {
        "id": f"{BOOT}/k{number}",
        "boot_id": BOOT,
        "revision": revision,
        "boottime_ns": number,
        "wall_ns": number * 1_000_000_000,
        "container": Container(namespace="shop", pod="web-0", pod_uid="uid-0", name="app"),
        "victims": (Victim(pid=number, comm="work", cgroup="/kubepods/web"),),
    }
    return OOMIncident(**(fields | rest))  # type: ignore[arg-type]


def recorded(number: int) -> OOMRecorded:
    return OOMRecorded(incident=incident(number))


def amended(number: int, revision: int) -> OOMAmended:
    return OOMAmended(incident=incident(number, revision))


def note(number: int, size: int = 0) -> SourceChange:
    return SourceChange(source="kmsg", up=True, detail=str(number).ljust(size, "."))


def record(
    sequence: int,
    kind: EventKind | None = None,
    *,
    stream: str = "s",
    boot: str = BOOT,
    ns: int = 0,
) -> Record:
    return record_of(
        Event(
            stream_id=stream,
            sequence=sequence,
            boot_id=boot,
            boottime_ns=ns,
            wall_ns=ns,
            kind=kind or note(sequence),
        )
    )


def records(sequences: Iterable[int], *, stream: str = "s") -> list[Record]:
    return [record(sequence, stream=stream) for sequence in sequences]


def kept(sequences: Iterable[int], *, stream: str = "s") -> list[Kept]:
    return [Kept(stream, r.sequence, r.payload) for r in records(sequences, stream=stream)]


@dataclass
class Hands:
    """Clocks that stand still until a test moves them."""

    wall_ns: int = 1_000_000 * 1_000_000_000
    boottime_ns: int = 1_000_000 * 1_000_000_000
    monotonic: float = 0.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(wall_ns=lambda: self.wall_ns, boottime_ns=lambda: self.boottime_ns)


@dataclass
class Disk:
    """Stands between the writer and a real store: hangs, or fails, as a test wants it."""

    path: Path
    hands: Hands = field(default_factory=Hands)
    max_bytes: int = 1 << 20
    max_age_seconds: float = 1e9
    moving: threading.Event = field(default_factory=threading.Event)  # cleared: the disk hangs
    hanging: threading.Event = field(default_factory=threading.Event)  # set: somebody waits for it
    on_open: list[Exception] = field(default_factory=list)  # raised by the next opens
    on_write: list[Exception] = field(default_factory=list)
    after_open: Callable[[sqlite3.Connection], None] = lambda connection: None
    batches: list[Batch] = field(default_factory=list)  # that were committed

    def __post_init__(self) -> None:
        self.moving.set()

    def open(self, suspect: bool) -> tuple[JournalStore, str]:
        self.touch(self.on_open)
        real = opener(
            self.path,
            max_bytes=self.max_bytes,
            max_age_seconds=self.max_age_seconds,
            boot_id=BOOT,
            clocks=self.hands.clocks,
        )
        store, text = real(suspect)
        self.after_open(store._connection)
        return DiskStore(self, store), text

    def leave(self) -> None:
        """Go on with a copy of the file as it is now, which is what SIGKILL leaves behind."""
        copy = self.path.with_name("left-" + self.path.name)
        for part in ("", "-wal"):
            shutil.copy(f"{self.path}{part}", f"{copy}{part}")
        self.path = copy

    def touch(self, errors: list[Exception]) -> None:
        if not self.moving.is_set():
            self.hanging.set()
            assert self.moving.wait(SOON)
            self.hanging.clear()
        if errors:
            raise errors.pop(0)

    def journal(self, **limits: float) -> Journal:
        """A journal on this disk; backs off for next to nothing."""
        bounds = {"max_bytes": self.max_bytes, "open_seconds": SOON} | limits
        seams = Seams(
            clocks=self.hands.clocks,
            monotonic=lambda: self.hands.monotonic,
            backoff_seconds=(0.001,),
            open_store=self.open,
        )
        return Journal.open(self.path, Limits(**bounds), BOOT, seams)  # type: ignore[arg-type]


@dataclass
class DiskStore:
    disk: Disk
    store: JournalStore

    def recover(self, *, tail_events: int, max_incidents: int) -> Recovered:
        return self.store.recover(tail_events=tail_events, max_incidents=max_incidents)

    def write(self, batch: Batch, numbering: Numbering) -> None:
        self.disk.touch(self.disk.on_write)
        self.store.write(batch, numbering)
        self.disk.batches.append(batch)

    def tidy(self) -> bool:
        return self.store.tidy()

    def figures(self) -> Figures:
        return self.store.figures()

    def close_clean(self, numbering: Numbering) -> None:
        self.store.close_clean(numbering)

    def close(self) -> None:
        self.store.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What is in the file, as sqlite3 on the command line would see it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def stored(path: Path) -> list[Position]:
    """All stored events in order."""
    query = "SELECT stream_id, seq FROM events JOIN streams ON number = stream"
    found = rows(path, f"{query} ORDER BY stream, seq")
    return [Position(str(stream), int(str(seq))) for stream, seq in found]


def meta(path: Path, key: str) -> object:
    found = rows(path, f"SELECT value FROM meta WHERE key = '{key}'")
    return found[0][0] if found else None
