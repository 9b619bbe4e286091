"""agent.derive.cpu_shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from agent.derive.cpu_shares import CpuShares, shares
from agent.model.cpu import CpuTimes, NodeStat

S = 1_000_000_000


def times(user: float = 0, idle: float = 0, softirq: float = 0, steal: float = 0) -> CpuTimes:
    return CpuTimes(user=user, system=0, idle=idle, iowait=0, irq=0, softirq=softirq, steal=steal)


def stat(total: CpuTimes, running: int = 1, cpus: dict[int, CpuTimes] | None = None) -> NodeStat:
    return NodeStat(total=total, cpus=cpus or {0: total}, running=running, blocked=2)


def test_window() -> None:
    """Shares and queue are of ten seconds, not of the time since boot."""
    fold = CpuShares()
    first = fold.take(stat(times(user=1000), running=401), None, None, 0, 0)
    reports = [first]
    assert (first.shares, first.window_seconds, first.runnable) == (None, 0.0, 400.0)
    for second in range(2, 21, 2):
        now = stat(times(user=1000 + 30 * second, idle=70 * second), running=second + 1)
        reports.append(fold.take(now, None, 0.5, second * S, S))
    report = reports[-1]
    assert report.shares == times(user=0.3, idle=0.7)
    assert report.window_seconds == 10.0
    assert (report.runnable, report.runnable_most, report.blocked) == (15.0, 20, 2)
    assert (report.waiting_ratio, report.wall_ns, report.cpus) == (0.5, S, 1)


def test_busiest() -> None:
    """By what happened in the window; a CPU that has come online is looked at from then on."""
    fold = CpuShares()
    fold.take(stat(times(), cpus={0: times(softirq=900), 1: times()}), None, None, 0, 0)
    now = {
        0: times(softirq=901, idle=99),
        1: times(softirq=85, idle=15),
        7: times(softirq=100),
    }
    report = fold.take(stat(times(), cpus=now), None, None, 5 * S, 0)
    assert (report.busiest, report.busiest_softirq) == (1, 0.85)
    assert report.shares is None


def test_a_counter_that_goes_back_has_stood_still() -> None:
    """iowait and idle do so."""
    assert shares(times(user=5, idle=100), times(user=15, idle=90)) == times(user=1.0)
    assert shares(times(user=5), times(user=5)) is None


@given(st.lists(st.tuples(*[st.integers(0, 2**40)] * 4), min_size=2, max_size=2))
def test_shares_are_a_whole(pair: list[tuple[int, int, int, int]]) -> None:
    """Together 1, each within."""
    was, now = (times(*each) for each in pair)
    found = shares(was, now)
    if found is not None:
        assert sum(astuple(found)) == pytest.approx(1.0)
        assert all(0 <= share <= 1 for share in astuple(found))
