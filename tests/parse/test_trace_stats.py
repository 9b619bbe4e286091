"""agent.parse.trace_stats"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.trace_stats import TraceStats, parse_trace_stats

STATS = (
    b"entries: 2473\noverrun: 7\ncommit overrun: 1\nbytes: 132796\n"
    b"oldest event ts:   126.775008\nnow ts:   138.994012\ndropped events: 2\nread events: 19\n"
)


def test_stats() -> None:
    """The counters, and the times in microseconds."""
    assert parse_trace_stats(STATS) == TraceStats(
        entries=2473,
        overrun=7,
        commit_overrun=1,
        dropped=2,
        read=19,
        bytes=132796,
        oldest_us=126_775_008,
        now_us=138_994_012,
    )


def test_clock_without_seconds() -> None:
    """The times of a clock of unknown unit are not told."""
    text = STATS.replace(b"  126.775008", b"126775008").replace(b"  138.994012", b"138994012")
    stats = parse_trace_stats(text + b"later: x\n")
    assert (stats.oldest_us, stats.now_us) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        STATS.replace(b"overrun: 7\n", b""),
        STATS.replace(b"overrun: 7", b"overrun: x"),
        STATS.replace(b"126.775008", b"126.77"),
        STATS.replace(b"126.775008", b"126.-75008"),
        STATS.replace(b"126.775008", b""),
    ],
)
def test_refused(text: bytes) -> None:
    """A missing counter never reads as nothing lost."""
    with pytest.raises(ParseError):
        parse_trace_stats(text)
