"""A straight line through the last samples of a level, and only where one fits

Least squares over several windows; the window in which a line explains most wins. Of a steady
movement with its noise that is the longest, of one that has just begun the one that lies in it.
What is not a line is told as such: a line explains at most 0.75 of a step, of a sawtooth less.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.model.memory import Trend

WINDOWS_SECONDS = (120.0, 60.0, 30.0, 15.0)
MIN_FIT = 0.9
MIN_SAMPLES = 8
FORESIGHT = 60.0
"""A line is believed for at most so many times the window that it was seen in."""

_MIN_COVERED = 0.8  # of a window, by the samples in it


def trend(samples: Sequence[tuple[int, int]]) -> Trend | None:
    """`samples` are (CLOCK_BOOTTIME ns, level), oldest first. None: no line fits."""
    if not samples:
        return None
    newest = samples[-1][0]
    best: Trend | None = None
    for window in WINDOWS_SECONDS:
        inside = [(t, level) for t, level in samples if newest - t <= window * 1e9]
        if len(inside) < MIN_SAMPLES or newest - inside[0][0] < window * 1e9 * _MIN_COVERED:
            continue
        line = _line(inside, window)
        if line.fit >= MIN_FIT and (best is None or line.fit > best.fit):
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


def _line(samples: Sequence[tuple[int, int]], window: float) -> Trend:
    first_ns, first_level = samples[0]
    xs = [(t - first_ns) / 1e9 for t, _ in samples]
    ys = [float(level - first_level) for _, level in samples]
    count = len(xs)
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    xx = sum((x - mean_x) ** 2 for x in xs)
    yy = sum((y - mean_y) ** 2 for y in ys)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    slope = xy / xx if xx else 0.0
    return Trend(
        per_second=slope,
        fit=min(1.0, xy * xy / (xx * yy)) if xx and yy else 1.0,
        window_seconds=window,
        samples=count,
    )
