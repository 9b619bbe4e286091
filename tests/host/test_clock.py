"""The host's clocks."""

from __future__ import annotations

import os
import time

from agent.host.clock import TICK_NS, HostClock, ticks_to_ns


def test_clocks_are_the_kernels() -> None:
    """boottime_ns is CLOCK_BOOTTIME, wall_ns is CLOCK_REALTIME."""
    clock = HostClock()
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    now = clock.boottime_ns(), clock.wall_ns()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    assert before[0] <= now[0] <= after[0]
    assert before[1] <= now[1] <= after[1]


def test_ticks() -> None:
    """A second is SC_CLK_TCK ticks."""
    assert ticks_to_ns(os.sysconf("SC_CLK_TCK")) == 1_000_000_000
    assert TICK_NS * os.sysconf("SC_CLK_TCK") == 1_000_000_000
