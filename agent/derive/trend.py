"""A straight line through the last samples of a level, and only where one fits

Least squares over several windows; the window in which a line explains most wins. Of a steady
movement with its noise that is the longest, of one that has just begun the one that lies in it.
What is not a line is told as such: a line explains at most 0.75 of a step, of a sawtooth less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.model.memory import Trend

WINDOWS_SECONDS = (120.0, 60.0, 30.0, 15.0)
MIN_FIT = 0.9
MIN_SAMPLES = 8
FORESIGHT = 60.0
"""A line is believed for at most so many times the window that it was seen in."""

SAWTOOTH = 0.5
"""A level that has lately gone back by more than so much of what the line moves is no leak: heaps
that are collected, and caches that are dropped now and then, move in straight lines too.
"""
SAWTOOTH_SECONDS = 300
"""How long that is remembered."""

_MIN_COVERED = 0.8  # of a window, by the samples in it


def trend(samples: Sequence[tuple[int, int]]) -> Trend | None:
    """`samples` are (CLOCK_BOOTTIME ns, level), oldest first. None: no line fits.

    One pass from the newest backwards: the sums of a window are those of the shorter one and more.
    They are whole numbers, of milliseconds and of the level's unit, so nothing is lost in them.
    """
    if not samples:
        return None
    newest_ns, newest = samples[-1]
    best: Trend | None = None
    count = x = y = xx = xy = yy = 0
    last_ms = 0
    at = len(samples) - 1
    for window in reversed(WINDOWS_SECONDS):
        window_ns = window * 1e9
        while at >= 0 and newest_ns - samples[at][0] <= window_ns:
            then_ns, level = samples[at]
            ms, by = (then_ns - newest_ns) // 1_000_000, level - newest
            count += 1
            x += ms
            y += by
            xx += ms * ms
            xy += ms * by
            yy += by * by
            last_ms = ms
            at -= 1
        if count < MIN_SAMPLES or -last_ms < window * 1e3 * _MIN_COVERED:
            continue
        line = _line(count, count * xx - x * x, count * xy - x * y, count * yy - y * y, window)
        if line.fit >= MIN_FIT and (best is None or line.fit >= best.fit):
            best = line
    return best


def seconds_until(level: int, bound: int, line: Trend | None) -> float | None:
    """How long until a falling level meets the bound; None: unknown, never, or too far to tell.

    0 if it is there already.
    """
    if level <= bound:
        return 0.0
    if line is None or line.per_second >= 0:
        return None
    seconds = (level - bound) / -line.per_second
    return seconds if seconds <= line.window_seconds * FORESIGHT else None


def deepest_fall(levels: Iterable[int]) -> int:
    """The most that a level, oldest first, has been below what it was before."""
    deepest = 0
    peak: int | None = None
    for level in levels:
        if peak is None or level > peak:
            peak = level
        elif peak - level > deepest:
            deepest = peak - level
    return deepest


def _line(count: int, xx: int, xy: int, yy: int, window: float) -> Trend:
    """From the sums of squares about the means, each times `count`."""
    return Trend(
        per_second=1000 * xy / xx if xx else 0.0,
        fit=min(1.0, xy * xy / (xx * yy)) if xx and yy else 1.0,
        window_seconds=window,
        samples=count,
    )
