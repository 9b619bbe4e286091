"""Watches /dev/kmsg for the OOM killer's lines, and for those of failing disks and hung tasks.

At "Killed process" the victim is captured from /proc at once: it is still there until it is reaped,
a few ms on an idle machine. Only facility 0 is the kernel's; what user space writes can imitate the
text but not the facility (devkmsg_write, kernel/printk/printk.c: a facility of 0 is replaced by
LOG_USER).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from agent.host.clock import Clock
from agent.host.kmsg import KmsgOverrun, KmsgReader
from agent.host.proc import ProcReader
from agent.model.absence import ParseError
from agent.model.evidence import FaultSeen, ForgedSeen, KmsgSeen, Observation, SourceLost
from agent.model.kmsg import KmsgRecord, OOMKilledProcess
from agent.model.process import ProcessCapture
from agent.observe.kmsg_lines import LineJoiner
from agent.parse.kernel_fault import parse_kernel_fault
from agent.parse.kmsg import parse_kmsg, sequence_of
from agent.parse.oom import parse_oom_line

NAME = "kmsg"
CAPTURE_AGE_NS = 10_000_000_000
"""Older kills are not looked up in /proc: their pids may long be others'."""
OVERLAP_RECORDS = 8192
"""Records that are read once more before what is known: the last kill's header, and the dump of all
tasks between the two.
"""
MAY_BE_A_FAULT = re.compile(
    rb"rror|ilesystem|Aborting|for more than|lockup|stall|timeout|timing out|log mount"
)
"""In each line that agent.parse.kernel_fault knows, and in few others."""
DRIFT_LIMIT_NS = 1_000_000_000
"""In what was printed before we came, more than this is age rather than drift. And how far apart
the clocks may be from the boot on.
"""
DRIFT_PER_SECOND_NS = 1_000_000
"""How fast the clocks drift apart at most, generously: 1,000 ppm."""


class KmsgWatcher:
    """Owns a KmsgReader. `records` and `unparsed` count since the start."""

    def __init__(
        self, reader: KmsgReader, proc: ProcReader, clock: Clock, *, known_through: int = -1
    ) -> None:
        """Every kill up to the sequence `known_through` is in the books: after a storm a restarted
        agent passes over megabytes of the ring, and is there for what happens now.
        """
        self._skip_through = known_through - OVERLAP_RECORDS
        self._reader = reader
        self._proc = proc
        self._clock = clock
        self._next_sequence: int | None = None
        self._drift_ns: int | None = None  # CLOCK_BOOTTIME minus the printk clock, at most
        self._drift_at_ns = 0  # when that was last bounded
        self._suspended_ns = (
            0  # how long the machine had slept by then: printk's clock does not go on
        )
        self._lines = LineJoiner()
        self._live = False  # what was printed before we came is read
        self.records = 0
        self.unparsed = 0

    def fileno(self) -> int | None:
        """Readable when `observe` has something to say."""
        return self._reader.fileno()

    def observe(self, limit: int = 512) -> tuple[list[Observation], bool]:
        """What up to `limit` records tell; True if more may be waiting. Raises SourceAbsent."""
        batch = self._reader.read_batch(limit)
        seen = [item for record in batch for item in self._seen(record)]
        more = len(batch) == limit
        if not more and not self._live:
            self._live = True
            if self._drift_ns is not None and self._drift_ns >= DRIFT_LIMIT_NS:
                self._drift_ns = None
        return seen, more

    def tick(self) -> list[Observation]:
        """Every record announces itself, but not that no piece of its line follows."""
        lines = self._lines.flush()
        return [seen for line in lines for seen in self._line(line.record, cut=line.cut)]

    def close(self) -> None:
        self._reader.close()

    def _seen(self, data: bytes | KmsgOverrun) -> Iterator[Observation]:
        if isinstance(data, KmsgOverrun):
            if data is KmsgOverrun.TOO_LONG:
                if self._next_sequence is not None:
                    self._next_sequence += 1  # the kernel has skipped it
                yield SourceLost(source=NAME, lost=1, detail="a record was too long to read")
            return  # OVERTAKEN: the next record's sequence tells how many
        self.records += 1
        sequence = sequence_of(data) if self._skip_through >= 0 else None
        if sequence is not None and sequence <= self._skip_through:
            self._next_sequence = sequence + 1
            if MAY_BE_A_FAULT.search(data):  # those are in no book: they are summed up anew
                with contextlib.suppress(ParseError):
                    yield from self._fault(parse_kmsg(data))
            return
        self._skip_through = -1
        try:
            record = parse_kmsg(data)
        except ParseError as error:
            self.unparsed += 1
            if self._next_sequence is not None:
                self._next_sequence += 1  # else the next record's number would tell of it again
            yield SourceLost(source=NAME, lost=1, detail=f"unreadable record: {error}")
            return
        expected, self._next_sequence = self._next_sequence, record.sequence + 1
        if expected is not None and record.sequence > expected:
            lost = record.sequence - expected
            yield SourceLost(
                source=NAME,
                lost=lost,
                detail=f"the kernel's ring went round: records {expected} to {record.sequence - 1}"
                " are lost; a larger log_buf_len makes this rarer",
            )
        for line in self._lines.feed(record):
            yield from self._line(line.record, cut=line.cut)

    def _line(self, record: KmsgRecord, *, cut: bool) -> Iterator[Observation]:
        if cut:
            self.unparsed += 1
            detail = f"record {record.sequence}: the kernel has cut a line that was too long"
            yield SourceLost(source=NAME, lost=1, detail=detail)
            return
        try:
            line = parse_oom_line(record.text)
        except ParseError as error:
            if record.facility == 0:
                self.unparsed += 1
                yield SourceLost(source=NAME, lost=1, detail=f"record {record.sequence}: {error}")
            return
        if line is None:
            yield from self._fault(record)
            return
        if record.facility != 0:
            yield ForgedSeen(sequence=record.sequence)
            return
        boottime_ns = self._boottime_ns(record)
        capture = None
        if isinstance(line, OOMKilledProcess):
            capture = self._capture(line.pid, boottime_ns)
        yield KmsgSeen(
            sequence=record.sequence, boottime_ns=boottime_ns, line=line, capture=capture
        )

    def _fault(self, record: KmsgRecord) -> Iterator[Observation]:
        """What user space writes in these words is nobody's fault, and nothing is said of it: it
        moves no book, and syslog daemons do write old lines of the kernel's again.
        """
        if record.facility != 0:
            return
        try:
            fault = parse_kernel_fault(record.text, record.subsystem)
        except ParseError as error:
            self.unparsed += 1
            yield SourceLost(source=NAME, lost=1, detail=f"record {record.sequence}: {error}")
            return
        if fault is not None:
            boottime_ns = self._boottime_ns(record)
            yield FaultSeen(sequence=record.sequence, boottime_ns=boottime_ns, fault=fault)

    def _capture(self, pid: int, boottime_ns: int) -> ProcessCapture | None:
        if self._clock.boottime_ns() - boottime_ns > CAPTURE_AGE_NS:
            return None
        return self._proc.capture(pid, not_after_boottime_ns=boottime_ns)

    def _boottime_ns(self, record: KmsgRecord) -> int:
        """The record's time as CLOCK_BOOTTIME. The printk clock drifts from it, by seconds within
        weeks, and stands while the machine sleeps; a record that is read as soon as it is written
        bounds by how much.
        """
        stamp_ns = record.timestamp_us * 1000
        now_ns, suspended_ns = self._clock.boottime_ns(), self._clock.suspended_ns()
        behind = now_ns - stamp_ns
        if self._drift_ns is not None:
            since_ns = max(0, now_ns - self._drift_at_ns)
            most = self._drift_ns + since_ns * DRIFT_PER_SECOND_NS // 1_000_000_000
            behind = min(behind, most + max(0, suspended_ns - self._suspended_ns))
        elif self._live:  # the first since we came, and we may have been kept from reading it
            most = DRIFT_LIMIT_NS + now_ns * DRIFT_PER_SECOND_NS // 1_000_000_000
            behind = min(behind, most + suspended_ns)
        self._drift_ns, self._drift_at_ns, self._suspended_ns = behind, now_ns, suspended_ns
        return stamp_ns + (behind if self._live or behind < DRIFT_LIMIT_NS else 0)
