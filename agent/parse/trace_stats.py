"""<trace instance>/per_cpu/cpuN/stats

    entries: 2473
    overrun: 0
    commit overrun: 0
    bytes: 132796
    oldest event ts:   126.775008
    now ts:   138.994012
    dropped events: 0
    read events: 19

`overrun` counts events that were overwritten before they were read, `commit overrun` and
`dropped events` those that were not written at all. The times are seconds of the instance's trace
clock, plain numbers if that clock does not count nanoseconds.

https://docs.kernel.org/trace/ftrace.html
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.digits import number


class TraceStats(Struct, frozen=True, kw_only=True):
    """One CPU's ring of a trace instance; the counts are of its whole life."""

    entries: int  # now in the ring, not yet read
    overrun: int
    commit_overrun: int
    dropped: int
    read: int
    bytes: int
    oldest_us: int | None  # None: the ring is empty for this kernel, or the clock has no seconds
    now_us: int | None


_COUNTS = {
    b"entries": "entries",
    b"overrun": "overrun",
    b"commit overrun": "commit_overrun",
    b"bytes": "bytes",
    b"dropped events": "dropped",
    b"read events": "read",
}


def parse_trace_stats(data: bytes) -> TraceStats:
    """All counts must be there; they are since Linux 3.17."""
    counts: dict[str, int] = {}
    times: dict[bytes, int | None] = {}
    for line in data.split(b"\n"):
        key, _, value = line.partition(b":")
        if key in _COUNTS:
            counts[_COUNTS[key]] = number(value.removeprefix(b" "), f"stats: {_COUNTS[key]}")
        elif key in (b"oldest event ts", b"now ts"):
            times[key] = _microseconds(value)
    if len(counts) < len(_COUNTS):
        raise ParseError("stats: " + ", ".join(key.decode("ascii") for key in _COUNTS), data)
    return TraceStats(
        oldest_us=times.get(b"oldest event ts"), now_us=times.get(b"now ts"), **counts
    )


def _microseconds(value: bytes) -> int | None:
    seconds, dot, micros = value.strip(b" ").partition(b".")
    whole = number(seconds, "stats: seconds")
    if not dot:
        return None
    if len(micros) != 6:
        raise ParseError("stats: 'seconds.microseconds'", value)
    return whole * 1_000_000 + number(micros, "stats: microseconds")
