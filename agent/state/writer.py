"""The one thread that writes the journal. It may hang with the disk: nobody waits for it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from agent.state.backlog import Backlog
from agent.state.batch import Batch, Figures
from agent.state.opening import Opening
from agent.state.position import Numbering
from agent.state.recovery import Recovered
from agent.state.trouble import StoreError, Trouble

log = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 60.0
BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class JournalStore(Protocol):
    """What the writer needs of `agent.state.store.Store`; each call may raise `StoreError`."""

    def recover(self, *, tail_events: int, max_incidents: int) -> Recovered: ...
    def write(self, batch: Batch, numbering: Numbering) -> None: ...
    def tidy(self) -> bool: ...
    def figures(self) -> Figures: ...
    def close_clean(self, numbering: Numbering) -> None: ...
    def close(self) -> None: ...


class Report(Struct, frozen=True, kw_only=True):
    """What the writer last knew of the file. No trouble: it is open and takes writes."""

    trouble: Trouble | None = None
    detail: str = ""
    opened: bool = False  # at least once


class Board(Struct, kw_only=True):
    """What the writer thread pins up for the loop thread: each field is replaced as a whole."""

    report: Report = field(default_factory=Report)
    figures: Figures = field(default_factory=Figures)
    busy_since: float | None = None  # monotonic seconds; None: it is not in the disk's hands
    found: list[Recovered] = field(default_factory=list)  # of opens that the agent did not wait for
    closed_clean: bool = False
    poke: Callable[[], None] = lambda: None  # tells the loop that the report has changed

    def tell(self, report: Report) -> None:
        if report != self.report:
            if report.trouble is not None:
                log.warning("journal: %s", report.detail)
            self.report = report
            self.poke()


class Writer(threading.Thread):
    """Opens the file, again and again if it must, and writes what the backlog gives it."""

    def __init__(
        self,
        open_store: Callable[[bool], tuple[JournalStore, str]],
        backlog: Backlog,
        opening: Opening,
        board: Board,
        *,
        batch_bytes: int,
        tail_events: int,
        max_incidents: int,
        backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_store(suspect)` opens, and gives a note for people; suspect: it proved corrupt."""
        super().__init__(name="journal-writer", daemon=True)
        self._open_store = open_store
        self._backlog = backlog
        self._opening = opening
        self._board = board
        self._batch_bytes = batch_bytes
        self._tail_events = tail_events
        self._max_incidents = max_incidents
        self._backoff = backoff_seconds
        self._monotonic = monotonic
        self._batch: Batch | None = None  # taken, and not committed yet
        self._suspect = False
        self._attempts = 0  # failed ones in a row
        self._note = ""

    def run(self) -> None:
        ended = False
        try:
            while self._once():
                pass
            ended = True
        finally:
            if not ended:  # a mistake of ours, which threading.excepthook shows
                self._backlog.refuse()
                self._board.tell(Report(trouble=Trouble.FAILED, detail="the writer has died"))
                self._opening.fail()

    def _once(self) -> bool:
        """Open the file and write to it until something is wrong; False: the end."""
        last_try = self._backlog.closed
        store: JournalStore | None = None
        try:
            store = self._open()
            self._serve(store)
        except StoreError as error:
            if store is not None:
                with self._busy():
                    store.close()
            return self._after(error) and not last_try
        return False

    def _open(self) -> JournalStore:
        found: Recovered | None = None
        with self._busy():
            store, note = self._open_store(self._suspect)
            self._suspect = False
            try:
                if note or not self._board.report.opened:
                    found = store.recover(
                        tail_events=self._tail_events, max_incidents=self._max_incidents
                    )
                self._board.figures = store.figures()
            except StoreError:
                store.close()
                raise
        self._note = note or self._note
        if found is not None and self._opening.numbering is not None:
            self._board.found.append(found)  # too late; told before all is said to be well
            found = None
        if self._batch is None:  # else only its commit proves that the trouble is over
            self._board.tell(Report(opened=True, detail=self._note))
        if found is not None and not self._opening.deliver(found):
            self._board.found.append(found)
            self._board.poke()
        return store

    def _serve(self, store: JournalStore) -> None:
        """Write and tidy until the journal closes."""
        more = False
        while True:
            if self._batch is None:
                self._batch = self._backlog.take(
                    limit_bytes=self._batch_bytes, timeout=0 if more else HOUSEKEEPING_SECONDS
                )
            if self._batch is not None:
                self._write(store, self._batch)
                self._batch = None
            elif self._backlog.closed:
                with self._busy():
                    store.close_clean(self._numbering())
                self._board.closed_clean = True
                return
            with self._busy():
                more = store.tidy()
                self._board.figures = store.figures()
            self._attempts = 0

    def _write(self, store: JournalStore, batch: Batch) -> None:
        numbering = self._numbering()
        before = self._decided().next_sequence - 1  # of this stream, by former runs
        batch.claimed = max(batch.claimed, before)
        with self._busy():
            store.write(batch, numbering)
        self._board.tell(Report(opened=True, detail=self._note))
        self._backlog.settle(batch)

    def _decided(self) -> Numbering:
        decided = self._opening.numbering
        assert decided is not None, "a store was delivered before it is written"
        return decided

    def _numbering(self) -> Numbering:
        decided = self._decided()
        upcoming = max(self._backlog.last_offered + 1, decided.next_sequence)
        return replace(decided, next_sequence=upcoming)

    def _after(self, error: StoreError) -> bool:
        """Tell what is wrong, and wait; False: there is nothing to wait for."""
        self._suspect = error.trouble is Trouble.CORRUPT
        self._attempts += 1
        if self._suspect and self._attempts == 1:
            return True  # it is set aside at once
        refused = error.trouble is Trouble.REFUSED
        if refused:
            self._backlog.refuse()
        trouble = Trouble.FAILED if self._suspect else error.trouble
        opened = self._board.report.opened
        self._board.tell(Report(trouble=trouble, detail=error.detail, opened=opened))
        self._opening.fail()
        if refused:
            return False
        self._backlog.pause(self._backoff[min(self._attempts, len(self._backoff)) - 1])
        return True

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        self._board.busy_since = self._monotonic()
        try:
            yield
        finally:
            self._board.busy_since = None
