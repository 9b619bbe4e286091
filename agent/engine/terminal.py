"""What the agent says on its own terminal, which may be stopped, full or gone.

Whoever reads our output (containerd, a pipe, a terminal after Ctrl-S) may cease to: a write would
then block for ever. One daemon thread writes; the event loop only puts lines into a queue. The same
thread words a traceback, for that reads our source files from a disk, which may hang.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections import OrderedDict

from agent.engine.announce import death_words, event_line, incident_words
from agent.model.event import Event, ExitAmended, ExitRecorded, OOMAmended, OOMRecorded

WAITING_LINES = 1_000
REMEMBERED_INCIDENTS = 1_000


class LineWriter(logging.Handler):
    """Writes lines to a descriptor from a thread of its own; also a handler of log records."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._waiting: queue.Queue[str | logging.LogRecord] = queue.Queue(WAITING_LINES)
        self.dropped = 0
        threading.Thread(target=self._run, name="terminal", daemon=True).start()

    def put(self, line: str) -> None:
        """Never blocks: a line that finds the queue full is dropped and counted."""
        self._put(line)

    def emit(self, record: logging.LogRecord) -> None:
        """A log record as a line, as `put`."""
        record.msg, record.args = record.getMessage(), None
        self._put(record)

    def _put(self, item: str | logging.LogRecord) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def flush_within(self, seconds: float) -> None:
        """Give the thread a moment to write what waits; for the end of the process."""
        waiter = threading.Thread(target=self._waiting.join, daemon=True)
        waiter.start()
        waiter.join(seconds)

    def _run(self) -> None:
        told = 0
        gone = False
        while True:
            item = self._waiting.get()
            try:
                if not gone:
                    line = item if isinstance(item, str) else self.format(item)
                    dropped = self.dropped
                    if dropped > told:
                        line = f"({dropped - told} lines were dropped: nobody read)\n{line}"
                        told = dropped
                    _write_all(self._fd, f"{line}\n".encode("utf-8", "backslashreplace"))
            except OSError:
                gone = True  # EPIPE: the reader left; what matters is served elsewhere
            finally:
                self._waiting.task_done()
                del item  # a traceback keeps alive what its frames held


class Terminal:
    """Says first who we are, then each event; of what was found at the start, the sum."""

    def __init__(self, out: LineWriter) -> None:
        self._out = out
        self._early: list[Event] | None = []
        self._old: set[str] = set()  # incidents that are told as a sum
        self._said: OrderedDict[str, str] = OrderedDict()  # by id of the incident or death

    def hear(self, event: Event) -> None:
        """One more event; an amendment only if it changes what was said."""
        if self._early is not None:
            self._early.append(event)
            return
        about = _about(event)
        if about is not None:
            told, words = about
            if told in self._old or self._said.get(told) == words:
                return
            self._said[told] = words
            while len(self._said) > REMEMBERED_INCIDENTS:
                self._said.popitem(last=False)
        self._out.put(event_line(event))

    def open(self, lines: list[str]) -> None:
        """Say who we are, and how much happened before."""
        early, self._early = self._early or [], None
        self._old = {e.kind.incident.id for e in early if isinstance(e.kind, OOMRecorded)}
        for line in lines:
            self._out.put(line)
        if self._old:
            count = len(self._old)
            self._out.put(f"  before   {count} OOM kills are in the kernel's log: nodectl oom")


def _about(event: Event) -> tuple[str, str] | None:
    """The id of what can be amended, and what is said of it."""
    match event.kind:
        case OOMRecorded(incident=incident) | OOMAmended(incident=incident):
            return incident.id, incident_words(incident)
        case ExitRecorded(death=death) | ExitAmended(death=death):
            return death.id, death_words(death)
        case _:
            return None


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
