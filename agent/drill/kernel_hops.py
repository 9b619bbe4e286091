"""The kernel's half of the way: its counters and its log, read by the drill itself."""

from __future__ import annotations

import select
import time
from typing import Protocol

from agent.drill.report import Seen
from agent.drill.watch import HopError
from agent.host.kmsg import KmsgOverrun, KmsgReader
from agent.host.vmstat import VmStat
from agent.parse.kmsg import parse_kmsg

# Reading a counter costs tens of microseconds: it delays nothing, and nothing is seen later than
# this.
_COUNTER_INTERVAL_SECONDS = 0.001
_KERNEL = 0  # the facility that user space cannot write


def now_ns() -> int:
    """CLOCK_BOOTTIME, nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class ScratchCounter(Protocol):
    """The scratch cgroup's own count."""

    def oom_kill(self) -> int: ...


class CounterHop:
    """oom_kill of the scratch cgroup."""

    name = "counter"
    check = "the kernel counted no OOM kill in the scratch cgroup: was memory.max really set?"
    interval_seconds = _COUNTER_INTERVAL_SECONDS

    def __init__(self, counter: ScratchCounter, file_name: str) -> None:
        self._counter = counter
        self._file_name = file_name
        self._before = counter.oom_kill()

    def look(self) -> Seen | None:
        """Whether it rose."""
        count = self._counter.oom_kill()
        if count <= self._before:
            return None
        what = f"{self._file_name} oom_kill {self._before} -> {count}"
        return Seen(boottime_ns=now_ns(), what=what)


class VmstatHop:
    """oom_kill of the whole node."""

    name = "vmstat"
    check = "/proc/vmstat oom_kill did not move: is /proc that of this kernel?"
    interval_seconds = _COUNTER_INTERVAL_SECONDS

    def __init__(self, vmstat: VmStat) -> None:
        self._vmstat = vmstat
        self._before = vmstat.oom_kill()

    def look(self) -> Seen | None:
        """Whether it rose, by our kill or by another at the same moment."""
        count = self._vmstat.oom_kill()
        if count <= self._before:
            return None
        return Seen(boottime_ns=now_ns(), what=f"/proc/vmstat oom_kill {self._before} -> {count}")


class KmsgHop:
    """The kernel's "Killed process" line for our eater, which is known by its unique name."""

    name = "kmsg"
    check = "no such line in /dev/kmsg: does `dmesg` show it? Is another log flooding the ring?"
    interval_seconds = 0.0
    _WAIT_MS = 20

    def __init__(self, reader: KmsgReader, comm: str) -> None:
        self._reader = reader
        self._comm = comm
        self._poll = select.poll()
        self._poll.register(reader.fileno(), select.POLLIN)
        while reader.read_batch():
            pass  # what was written before us is no business of ours

    def look(self) -> Seen | None:
        """Wait a moment for records and read them."""
        self._poll.poll(self._WAIT_MS)
        seen, overrun = None, False
        for raw in self._reader.read_batch():
            if isinstance(raw, KmsgOverrun):
                overrun = True
                continue
            record = parse_kmsg(raw)
            if (
                record.facility == _KERNEL
                and "Killed process" in record.text
                and f"({self._comm})" in record.text
                and seen is None
            ):
                what = f"record {record.sequence}: {_sentence(record.text)}"
                seen = Seen(boottime_ns=now_ns(), what=what)
        if seen is None and overrun:
            raise HopError("the ring went round before we read it: records are lost")
        return seen


def _sentence(text: str) -> str:
    """The line up to its figures."""
    return text.partition(" total-vm")[0].rstrip(", ")
