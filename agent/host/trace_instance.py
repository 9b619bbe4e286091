"""One trace instance of our own: tracefs instances/NAME

    python3-17384 [001] ...1. 4831.662712: mark_victim: pid=17384 comm=python3 total-vm=82092kB ...

An instance has ring buffers, events and filters of its own and disturbs nobody else's tracing. It
lives on when its maker dies and keeps recording: who adopts it finds the events of the meantime.
For that, no setting may be written again that empties the ring: trace_clock does, and so does a
buffer size that is smaller (tracing_set_clock, kernel/trace/trace.c).

https://docs.kernel.org/trace/ftrace.html#instances
https://docs.kernel.org/trace/events.html
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from typing import Self

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.files import pread_file, read_file, write_file
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence
from agent.parse.trace_stats import TraceStats, parse_trace_stats

# One read(2) of trace_pipe returns whole lines, at most TRACE_SEQ_BUFFER_SIZE: one page, 8 KiB
# since 6.8. A smaller buffer would cut lines.
_PIPE_READ = 65536


class TraceInstance:
    """An instance that is ours by its name. Closing leaves it recording; `destroy` removes it."""

    def __init__(
        self, tracefs: Tracefs, name: str, *, total_bytes: int, possible_cpus: int
    ) -> None:
        """Make instances/NAME, or adopt the one of that name with the events in it.

        `total_bytes` bounds the rings of all CPUs together (never below two pages each, the
        kernel's least); `buffer_bytes` is what the kernel made of it. While the instance is made,
        kernels allocate 1.4 MiB a CPU before we can say that we want less. Raises SourceAbsent.
        """
        self.name = name
        self._tracefs = tracefs
        self._fd = -1
        self._pipe = -1
        self._stats: list[int] = []
        self._lost_before = 0  # what the kernel's counters lost sight of when they were reset
        self._lost_last = 0
        self.adopted = not _make(tracefs, name)
        with absent_on_error(f"trace instance {name}"):
            self._fd = os.open(
                f"instances/{name}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=tracefs.fd
            )
        try:
            self._size(max(1, total_bytes // possible_cpus // 1024))
            self._use_clock("boot")
            # poll(2) on trace_pipe wakes at the first event whatever this says, as long as the
            # kernel exempts readers of all CPUs (ring_buffer_poll_wait); where it does not, 0 does.
            with contextlib.suppress(SourceAbsent):
                self._write("buffer_percent", b"0")
            self.buffer_bytes = int(self._read("buffer_total_size_kb")) * 1024
        except BaseException:
            self.close()
            if not self.adopted:
                remove_instance(tracefs, name)
            raise

    def own(self) -> None:
        """Keep others from taking it for stale, until it is closed, by flock(2) on its directory.

        Raises SourceAbsent: FAILED if another process owns it or is removing it, VANISHED if it
        was removed before we owned it: make it again then (`trace_ownership.owned` does).
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.fstat(self._fd).st_ino
            there = os.stat(f"instances/{self.name}", dir_fd=self._tracefs.fd).st_ino
        except OSError as error:
            advice = "another nodewitness has it" if error.errno == errno.EWOULDBLOCK else ""
            raise SourceAbsent.of(error, f"trace instance {self.name}", advice) from error
        if there != ours:
            raise SourceAbsent(Absence.VANISHED, f"trace instance {self.name} was removed")

    def enable(self, event: str, event_filter: str = "") -> None:
        """Record `event` ("oom/mark_victim"), only where `event_filter` holds if one is given.

        Raises SourceAbsent: UNSUPPORTED if this kernel has no such event or cannot filter so.
        """
        system, _, leaf = event.partition("/")
        try:
            if event_filter:
                self._write(f"events/{event}/filter", event_filter.encode())
            self._write(f"events/{event}/enable", b"1")
        except SourceAbsent as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno == errno.ENOENT:
                detail = f"this kernel has no tracepoint {system}:{leaf}"
                raise SourceAbsent(Absence.UNSUPPORTED, detail) from error
            if isinstance(cause, OSError) and cause.errno == errno.EINVAL:
                detail = f"the filter {event_filter!r} does not fit this kernel's {system}:{leaf}"
                raise SourceAbsent(Absence.UNSUPPORTED, detail) from error
            raise

    def disable(self, event: str) -> None:
        """Record `event` no more. Raises SourceAbsent."""
        self._write(f"events/{event}/enable", b"0")

    def start(self) -> None:
        """Record from now on; harmless when it is on. Raises SourceAbsent."""
        self._write("tracing_on", b"1")

    def is_on(self) -> bool:
        """Whether it records: anybody with root's rights may switch it off."""
        return self._read("tracing_on").strip() == b"1"

    def open_pipe(self) -> None:
        """Become the reader that consumes the events. Raises SourceAbsent.

        FAILED with EBUSY: another process reads them already, so half of them would be missing.
        """
        with absent_on_error(f"trace instance {self.name}: trace_pipe"):
            self._pipe = os.open(
                "trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd
            )

    def fileno(self) -> int:
        """The trace_pipe: readable (EPOLLIN) from the first event on. Level-triggered."""
        return self._pipe

    def read(self) -> bytes | None:
        """Some whole lines, consumed; None: nothing is waiting. Raises SourceAbsent."""
        try:
            return os.read(self._pipe, _PIPE_READ) or None
        except BlockingIOError:
            return None
        except OSError as error:
            raise SourceAbsent.of(error, f"trace instance {self.name}: trace_pipe") from error

    def read_trace(self) -> Iterator[bytes]:
        """All that the rings hold, oldest first, in pieces; not consumed. Raises SourceAbsent.

        For an instance that nobody reads through trace_pipe. Formatting costs some 10 us a line:
        read it off the event loop. Kernels without the option pause-on-trace do not record while it
        is open.
        """
        what = f"trace instance {self.name}: trace"
        with absent_on_error(what):
            fd = os.open("trace", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            while piece := _read_piece(fd, what):
                yield piece
        finally:
            os.close(fd)

    def stats(self) -> tuple[TraceStats, ...]:
        """per_cpu/cpu*/stats of all CPUs that have a ring. Raises SourceAbsent, ParseError."""
        what = f"trace instance {self.name}: per_cpu"
        if not self._stats:  # asked for once a tick; every possible CPU is there from the start
            with absent_on_error(what):
                self._stats = self._open_stats()
        return tuple(parse_trace_stats(pread_file(fd, what)) for fd in self._stats)

    def _open_stats(self) -> list[int]:
        """All of them, or none."""
        fds: list[int] = []
        with contextlib.ExitStack() as half:
            for name in self._cpus():
                path = f"per_cpu/{name}/stats"
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
                half.callback(os.close, fd)
                fds.append(fd)
            half.pop_all()
        return fds

    def _cpus(self) -> list[str]:
        fd = os.open("per_cpu", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def lost(self) -> int:
        """Events lost since the instance was made: overwritten unread, or dropped. Never falls."""
        now = sum(cpu.overrun + cpu.commit_overrun + cpu.dropped for cpu in self.stats())
        if now < self._lost_last:
            self._lost_before += self._lost_last
        self._lost_last = now
        return self._lost_before + now

    def close(self) -> None:
        """Let go of it; it goes on recording. Harmless when repeated."""
        for fd in (*self._stats, self._pipe, self._fd):
            if fd >= 0:
                os.close(fd)
        self._stats.clear()
        self._pipe = self._fd = -1

    def destroy(self) -> None:
        """Close and remove it. Raises SourceAbsent if it cannot be removed, as when it is held."""
        self.close()
        remove_instance(self._tracefs, self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, name: str) -> bytes:
        return read_file(name, dir_fd=self._fd)

    def _write(self, name: str, data: bytes) -> None:
        write_file(name, data, dir_fd=self._fd)

    def _size(self, wanted_kb: int) -> None:
        """Per CPU. The kernel rounds up to whole pages, so an adopted ring reads a bit larger."""
        now = self._read("buffer_size_kb").split()[0]  # "X" if the CPUs differ
        page_kb = os.sysconf("SC_PAGE_SIZE") // 1024
        if not (now.isdigit() and wanted_kb <= int(now) <= wanted_kb + 2 * page_kb):
            self._write("buffer_size_kb", str(wanted_kb).encode())

    def _use_clock(self, clock: str) -> None:
        if f"[{clock}]".encode() not in self._read("trace_clock"):
            self._write("trace_clock", clock.encode())


def list_instances(tracefs: Tracefs, prefix: str) -> list[str]:
    """The names of all instances that begin with `prefix`. Raises SourceAbsent."""
    return sorted(name for name in tracefs.names("instances") if name.startswith(prefix))


def remove_instance(tracefs: Tracefs, name: str) -> None:
    """Stop and remove an instance; one that is not there is no error.

    Raises SourceAbsent, FAILED if another process holds a file of it open: it is then stopped, and
    its rings are as small as they can be.
    """
    directory = f"instances/{name}"
    for file, data in (("tracing_on", b"0"), ("events/enable", b"0")):
        with contextlib.suppress(SourceAbsent):
            write_file(f"{directory}/{file}", data, dir_fd=tracefs.fd)
    try:
        os.rmdir(directory, dir_fd=tracefs.fd)
    except FileNotFoundError:
        return
    except OSError as error:
        with contextlib.suppress(SourceAbsent):
            write_file(f"{directory}/buffer_size_kb", b"1", dir_fd=tracefs.fd)
        advice = "another process has it open: end that, then remove it again"
        raise SourceAbsent.of(
            error, f"rmdir {directory}", advice if error.errno == errno.EBUSY else ""
        ) from error


def _read_piece(fd: int, what: str) -> bytes:
    with absent_on_error(what):
        return os.read(fd, _PIPE_READ)


def _make(tracefs: Tracefs, name: str) -> bool:
    """Whether the instance is new."""
    try:
        os.mkdir(f"instances/{name}", dir_fd=tracefs.fd)
    except FileExistsError:
        return False
    except OSError as error:
        raise SourceAbsent.of(error, f"mkdir instances/{name}") from error
    return True
