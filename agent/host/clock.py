"""The two clocks, and the kernel's ticks.

CLOCK_BOOTTIME goes on while the machine sleeps and never jumps; it orders events. The wall clock
is for people.
"""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time; tests bring their own."""

    def boottime_ns(self) -> int: ...

    def wall_ns(self) -> int: ...

    def suspended_ns(self) -> int: ...


class HostClock:
    """The clocks of this machine."""

    def boottime_ns(self) -> int:
        """Nanoseconds since boot, suspend included (CLOCK_BOOTTIME)."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch (CLOCK_REALTIME)."""
        return time.time_ns()

    def suspended_ns(self) -> int:
        """Nanoseconds of that since boot in which the machine slept, to about a microsecond."""
        monotonic_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - monotonic_ns


_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # USER_HZ: 100 on all that we run on


def ticks_to_ns(ticks: int) -> int:
    """/proc/PID/stat field 22 as nanoseconds of CLOCK_BOOTTIME, rounded down to a tick."""
    return ticks * _NS_PER_TICK


TICK_NS = ticks_to_ns(1)
