"""/proc/pressure/{cpu,io,memory} and <cgroup>/{cpu,io,memory}.pressure

    some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362
    full avg10=0.00 avg60=0.13 avg300=0.96 total=8183134

cpu has no line `full` before Linux 5.13 (e7fcd7622823).

https://docs.kernel.org/accounting/psi.html
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.usage import Pressure

_LINE = re.compile(
    rb"(?:some|full) avg10=([0-9]{1,6}\.[0-9]{1,6}) avg60=([0-9]{1,6}\.[0-9]{1,6})"
    rb" avg300=([0-9]{1,6}\.[0-9]{1,6}) total=([0-9]{1,20})(?: |$)"
)
_Line = tuple[float, float, float, int]


def parse_pressure(data: bytes) -> Pressure:
    """One pressure file; totals in microseconds, averages in percent.

    A line of an unknown kind is skipped. ParseError if a known one does not parse, and without
    `some`.
    """
    found: dict[bytes, _Line] = {}
    for line in data.split(b"\n"):
        kind = line.partition(b" ")[0]
        if kind in (b"some", b"full"):
            found[kind] = _numbers(line)
    if b"some" not in found:
        raise ParseError("pressure: the line 'some'", data)
    avg10, avg60, avg300, total = found[b"some"]
    full = found.get(b"full", (None, None, None, None))
    return Pressure(
        some_us=total,
        some_avg10=avg10,
        some_avg60=avg60,
        some_avg300=avg300,
        full_us=full[3],
        full_avg10=full[0],
        full_avg60=full[1],
        full_avg300=full[2],
    )


def _numbers(line: bytes) -> _Line:
    match = _LINE.match(line)
    if match is None:
        raise ParseError("pressure: avg10= avg60= avg300= total=", line)
    avg10, avg60, avg300, total = match.groups()
    return float(avg10), float(avg60), float(avg300), int(total)
