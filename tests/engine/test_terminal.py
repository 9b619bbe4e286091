"""The terminal may be stopped, full or gone, and what it shows was never chosen by a container."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent.engine.terminal import WAITING_LINES, LineWriter, Terminal
from agent.model.event import AgentStarted, Event, EventKind, OOMAmended, OOMRecorded
from agent.model.kmsg import OOMKilledProcess
from agent.model.oom import LimitLevel
from agent.parse.kmsg import parse_kmsg
from agent.parse.oom import parse_oom_line
from tests.engine.test_announce import incident
from tests.ledger.kernel import CONTAINER, Kernel

SOON = 10.0
"""Seconds within which a thread does what it can do at once."""

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    yield read, write
    os.close(write)  # a thread that writes to it is released by its reader's end, closed before


def read_until(fd: int, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        piece = os.read(fd, 4096)
        assert piece
        data += piece
    return data


class Lines(LineWriter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.lines: list[str] = []

    def put(self, line: str) -> None:
        self.lines.append(line)


def event(kind: EventKind) -> Event:
    return Event(stream_id="s", sequence=3, boot_id="b", boottime_ns=0, wall_ns=0, kind=kind)


def test_lines_are_written_in_order(pipe: Pipe) -> None:
    """A line and a log record each become a line, in the order in which they came."""
    read, write = pipe
    writer = LineWriter(write)
    writer.put("one")
    writer.emit(logging.LogRecord("a", logging.ERROR, "f", 1, "two of %d", (2,), None))
    writer.put("three")
    assert read_until(read, b"three\n") == b"one\ntwo of 2\nthree\n"
    os.close(read)


def test_a_traceback_reads_its_source_elsewhere(pipe: Pipe) -> None:
    """The disk with our own source may hang: the thread that writes is the one that reads it."""
    read, write = pipe
    writer = LineWriter(write)
    words, readers = logging.Formatter(), []

    class Spy(logging.Formatter):
        def formatException(self, ei: Any) -> str:
            readers.append(threading.current_thread().name)
            return words.formatException(ei)

    writer.setFormatter(Spy())
    try:
        raise ValueError("no such thing")
    except ValueError as error:
        why = (ValueError, error, error.__traceback__)
        writer.handle(logging.LogRecord("a", logging.ERROR, "f", 1, "%s failed", ("x",), why))
    said = read_until(read, b"no such thing\n").decode()
    assert said.startswith("x failed\nTraceback")
    assert readers == ["terminal"]
    os.close(read)


def test_a_pipe_that_nobody_reads_blocks_nobody(pipe: Pipe) -> None:
    """With pipe and queue full, put returns and counts; the reader that comes back is told."""
    read, write = pipe
    os.write(write, b"." * 4096)
    writer = LineWriter(write)
    surplus = 7
    for number in range(WAITING_LINES + 1 + surplus):  # the thread may hold one line
        writer.put(str(number))
    dropped = writer.dropped
    assert dropped in (surplus, surplus + 1)
    writer.flush_within(0.0)  # gives up: nobody reads
    shown = read_until(read, f"{WAITING_LINES + surplus - dropped}\n".encode())
    writer.flush_within(SOON)
    writer.put("again")
    shown += read_until(read, b"again\n")
    assert f"({dropped} lines were dropped: nobody read)\n".encode() in shown
    assert shown.count(b"were dropped") == 1
    os.close(read)


def test_a_reader_that_left_is_left_alone(pipe: Pipe) -> None:
    """After EPIPE nothing is written, and the queue still empties: nothing is dropped."""
    read, write = pipe
    os.close(read)
    writer = LineWriter(write)
    for _ in range(3):
        for _ in range(WAITING_LINES // 2):
            writer.put("lost")
        writer.flush_within(SOON)
    assert writer.dropped == 0


def test_what_was_there_at_the_start_is_a_sum() -> None:
    """Early kills are one line, and are not told one by one later; early news is not repeated."""
    out = Lines()
    terminal = Terminal(out)
    for name in ("b/k1", "b/k2"):
        terminal.hear(event(OOMRecorded(incident=incident(id=name))))
    terminal.hear(event(OOMAmended(incident=incident(id="b/k2"))))
    terminal.hear(event(AgentStarted(version="1", pid=2)))
    assert out.lines == []
    terminal.open(["who we are"])
    terminal.hear(event(OOMAmended(incident=incident(id="b/k2", limit_level=LimitLevel.POD))))
    assert out.lines == [
        "who we are",
        "  before   2 OOM kills are in the kernel's log: nodectl oom",
    ]


def test_no_kill_before_is_no_line() -> None:
    """Without early kills there is no sum."""
    out = Lines()
    terminal = Terminal(out)
    terminal.hear(event(AgentStarted(version="1", pid=2)))
    terminal.open(["who we are"])
    assert out.lines == ["who we are"]


def test_an_amendment_that_changes_no_words_is_not_repeated() -> None:
    """A revision is told if it reads differently from the last one that was told, else not."""
    out = Lines()
    terminal = Terminal(out)
    terminal.open([])
    told = []
    for kind in (
        OOMRecorded(incident=incident()),
        OOMAmended(incident=incident(revision=3)),
        OOMAmended(incident=incident(revision=4, limit_level=LimitLevel.POD)),
        OOMAmended(incident=incident(revision=5, limit_level=LimitLevel.POD)),
        OOMRecorded(incident=incident(id="b/k9")),
    ):
        terminal.hear(event(kind))
        told.append(len(out.lines))
    assert told == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    "comm",
    [
        r"\x1b[2J\x1b[31m",  # as the kernel escapes it in /dev/kmsg
        "\x1b]0;owned\x07",
        "\x9b31m",
        "a\rb\x08",
    ],
)
def test_a_hostile_name_never_steers_the_terminal(comm: str, pipe: Pipe) -> None:
    """From the kernel's record to the descriptor: the victim's name arrives as printable ASCII."""
    text = (
        f"Memory cgroup out of memory: Killed process 829 ({comm}) total-vm:66092kB,"
        " anon-rss:31940kB, file-rss:1100kB, shmem-rss:0kB, UID:0 pgtables:104kB"
        " oom_score_adj:900"
    )
    record = parse_kmsg(f"3,841,55193274,-;{text}\n".encode("latin-1"))
    line = parse_oom_line(record.text)
    assert isinstance(line, OOMKilledProcess)
    kernel = Kernel()
    kernel.header(829, CONTAINER, CONTAINER, comm=line.comm)
    kernel.oom_kill += 1
    kernel.say(line)
    kernel.count()
    (found,) = kernel.incidents()
    read, write = pipe
    terminal = Terminal(LineWriter(write))
    terminal.open([])
    terminal.hear(event(OOMRecorded(incident=found)))
    shown = read_until(read, b"\n")
    assert b"[829]" in shown
    assert all(0x20 <= byte < 0x7F for byte in shown.decode().replace("·", "").strip().encode())
    os.close(read)
