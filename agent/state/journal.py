"""The journal as the event loop sees it: nothing here waits for the disk but `open` and `close`.

Behind it: `backlog` (what waits), `writer` (the thread), `store` (the file), `reader` (replay).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, field

from agent.host.worker import TooManyAbandoned, Workers
from agent.model.event import JournalChange
from agent.model.exits import ExitCount
from agent.model.oom import OOMCount
from agent.model.status import JournalHealth
from agent.state.backlog import Backlog
from agent.state.batch import Clocks
from agent.state.opener import opener
from agent.state.opening import Opening
from agent.state.position import Kept, Position, Span
from agent.state.reader import ReplayError, read_page
from agent.state.record import Record
from agent.state.recovery import Recovered
from agent.state.schema import Room
from agent.state.trouble import Trouble
from agent.state.writer import BACKOFF_SECONDS, Board, JournalStore, Writer

READERS = 4
"""Replays that may read the file at a time."""
_EVENT_BYTES = 2048  # more than an event has on average; bounds the queue in bytes


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Limits(Struct, frozen=True, kw_only=True):
    """The journal's bounds."""

    max_bytes: int = 64 << 20  # of the file with its log
    max_age_seconds: float = 7 * 86400.0
    queue_events: int = 8192  # that may wait for the disk
    tail_events: int = 4096  # read back at open
    max_incidents: int = 10_000  # read back at open
    open_seconds: float = 5.0  # that the agent waits for the file
    stall_seconds: float = 5.0  # after which a write that has not returned is told
    read_seconds: float = 5.0  # that a replay waits for a page


class Seams(Struct, frozen=True, kw_only=True):
    """What a test replaces."""

    clocks: Clocks = field(
        default_factory=lambda: Clocks(wall_ns=time.time_ns, boottime_ns=_boottime_ns)
    )
    monotonic: Callable[[], float] = time.monotonic
    backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS
    open_store: Callable[[bool], tuple[JournalStore, str]] | None = None  # None: the file


class Journal:
    """The durable log of events; its thread owns the file. For the loop thread only.

    `recovered` is what was found at open; `unread`: nothing, and the file may open later. `spans`
    are the streams that the file holds.
    """

    def __init__(self, path: Path, limits: Limits, boot_id: str, seams: Seams) -> None:
        self.path = path
        self.spans: tuple[Span, ...] = ()
        self._limits = limits
        self._seams = seams
        self._workers = Workers(READERS, name="journal-reader")
        room = Room.of(limits.max_bytes)
        self._backlog = Backlog(
            limit_events=limits.queue_events,
            limit_bytes=limits.queue_events * _EVENT_BYTES,
            append_bytes=room.append_bytes,
        )
        self._board = Board()
        self._opening = Opening()
        self._writer = Writer(
            seams.open_store
            or opener(
                path,
                max_bytes=limits.max_bytes,
                max_age_seconds=limits.max_age_seconds,
                boot_id=boot_id,
                clocks=seams.clocks,
            ),
            self._backlog,
            self._opening,
            self._board,
            batch_bytes=room.batch_bytes,
            tail_events=limits.tail_events,
            max_incidents=limits.max_incidents,
            backoff_seconds=seams.backoff_seconds,
            monotonic=seams.monotonic,
        )
        self.recovered = Recovered.nothing()
        self.unread = False
        self._on_change: Callable[[JournalChange], None] = lambda change: None
        self._on_recovered: Callable[[Recovered], None] = lambda found: None
        self._announced = ("ok", "")
        self._since_wall_ns = seams.clocks.wall_ns()
        self._dropped_when_ok = 0

    @classmethod
    def open(cls, path: Path, limits: Limits, boot_id: str, seams: Seams | None = None) -> Journal:
        """Start the writer and wait for the file, at most `limits.open_seconds`; never raises.

        Call it before the loop runs, or in a thread. If the file does not open in time, or cannot
        be opened, `recovered` is empty, the state says why, and the writer goes on trying.
        """
        journal = cls(path, limits, boot_id, seams or Seams())
        journal._writer.start()
        journal.recovered = journal._opening.wait(limits.open_seconds)
        journal.spans = journal.recovered.spans
        refused = journal._board.report.trouble is Trouble.REFUSED
        journal.unread = not journal.recovered.read and not refused
        return journal

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[JournalChange], None],
        on_recovered: Callable[[Recovered], None] = lambda found: None,
    ) -> None:
        """Have changes of the state told, on the loop thread, from now on; the first at once.

        `on_recovered` gets what was found in a file that opened after `open` had stopped waiting.
        """
        self._on_change, self._on_recovered = on_change, on_recovered

        def poke() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self.poll)

        self._board.poke = poke
        self.poll()

    def append(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        """Hand over events, the checkpoint that claims them, and what they add to the counters
        of deaths and of OOM kills; returns at once.

        They are committed together, or not at all. False: the queue is full, they were dropped and
        counted, and the checkpoint with them (see `agent.state.backlog`).
        """
        return self._backlog.offer(records, checkpoint, exits, kills)

    def poll(self) -> None:
        """Tell what has changed of the writer. Call it every tick: a hung disk is silent."""
        while self._board.found:
            found = self._board.found.pop(0)
            self.spans = found.spans
            self._on_recovered(found)
        state, detail = self._state()
        note = detail if state == "ok" else ""
        if (state, note) == self._announced:
            if state == "ok":
                self._dropped_when_ok = self._backlog.dropped
            return
        before, self._announced = self._announced[0], (state, note)
        self._since_wall_ns = self._seams.clocks.wall_ns()
        if state == "ok" and before != "ok":
            lost = self._backlog.dropped - self._dropped_when_ok
            detail = f"stores again; {lost} events were dropped meanwhile. {detail}".strip()
        if state == "ok":
            self._dropped_when_ok = self._backlog.dropped
        self._on_change(JournalChange(state=state, detail=detail))

    def _state(self) -> tuple[str, str]:
        report, since = self._board.report, self._board.busy_since
        if since is not None:
            waited = self._seams.monotonic() - since
            if waited > self._limits.stall_seconds:
                return "stalled", f"{self.path}: the disk has not answered for {waited:.0f} s"
        match report.trouble:
            case None if not report.opened:
                return "stalled", f"{self.path}: not open yet"
            case None:
                return "ok", report.detail
            case Trouble():
                return report.trouble.value, report.detail

    def health(self) -> JournalHealth:
        """What is published of the journal, as of now."""
        state, detail = self._state()
        figures = self._board.figures
        return JournalHealth(
            state=state,
            detail=detail,
            since_wall_ns=self._since_wall_ns,
            path=str(self.path),
            bytes=figures.bytes,
            max_bytes=self._limits.max_bytes,
            events=figures.events,
            first_sequence=figures.first_sequence,
            last_sequence=figures.last_sequence,
            dropped=self._backlog.dropped,
            stream_id=self.recovered.numbering.stream_id,
            waiting=self.waiting,
        )

    @property
    def waiting(self) -> int:
        """Events that are not on the disk yet."""
        return self._backlog.events

    @property
    def reader_limit(self) -> int:
        """Threads that read pages, at most."""
        return self._workers.limit

    @property
    def abandoned_readers(self) -> int:
        """Reads that hung and were given up, now."""
        return self._workers.abandoned

    async def read_after(self, after: Position | None, limit: int) -> tuple[Kept, ...]:
        """Stored events after a position, as `read_page`; `ReplayError` if they cannot be had."""
        if self._board.report.trouble is Trouble.REFUSED:
            raise ReplayError(self._board.report.detail)
        seconds = self._limits.read_seconds
        try:
            return await self._workers.run(
                self._read, after, limit, seconds / 2, deadline_seconds=seconds
            )
        except (sqlite3.Error, OSError, TooManyAbandoned) as error:
            raise ReplayError(str(error)) from error

    def _read(self, after: Position | None, limit: int, patience: float) -> tuple[Kept, ...]:
        """In a worker thread. What still waits for the writer is not missing."""
        waiting = self._backlog.events
        page = read_page(self.path, after, limit)
        if not page and waiting and self._backlog.wait_idle(patience):
            page = read_page(self.path, after, limit)
        return page

    def wait_stored(self, sequence: int, timeout_seconds: float) -> bool:
        """Wait for an event to be committed; not for the loop thread."""
        return self._backlog.wait_settled(sequence, timeout_seconds)

    def close(self, deadline_seconds: float = 5.0) -> bool:
        """Write what waits, mark the file clean, and close it; blocks for at most the deadline.

        Call it when the loop publishes no more. False: the file stays marked unclean, and the next
        agent begins a new stream.
        """
        self._backlog.close()
        self._writer.join(deadline_seconds)
        return self._board.closed_clean
