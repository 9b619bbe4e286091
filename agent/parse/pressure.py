"""/proc/pressure/{cpu,io,memory,irq} and <cgroup>/{cpu,io,memory,irq}.pressure

    some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362
    full avg10=0.00 avg60=0.13 avg300=0.96 total=8183134

cpu has no line `full` before Linux 5.13 (e7fcd7622823); irq has no `some`.

https://docs.kernel.org/accounting/psi.html
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.usage import Pressure

_NUMBERS = (
    rb" avg10=([0-9]{1,3}\.[0-9]{2}) avg60=([0-9]{1,3}\.[0-9]{2})"
    rb" avg300=([0-9]{1,3}\.[0-9]{2}) total=([0-9]{1,20})"
)
_BOTH = re.compile(rb"some" + _NUMBERS + rb"\nfull" + _NUMBERS + rb"\n")
_LINE = re.compile(rb"(?:some|full)" + _NUMBERS + rb"(?: |$)")


def parse_pressure(data: bytes) -> Pressure:
    """One pressure file; totals in microseconds, averages in percent.

    A line of an unknown kind is skipped. ParseError if a known one does not parse, and without
    `some`.
    """
    both = _BOTH.fullmatch(data)
    if both is not None:  # nearly always: hundreds of them in each sweep
        return _pressure(both.groups())
    found: dict[bytes, tuple[bytes, ...]] = {}
    for line in data.split(b"\n"):
        kind = line.partition(b" ")[0]
        if kind in (b"some", b"full"):
            match = _LINE.match(line)
            if match is None:
                raise ParseError("pressure: avg10= avg60= avg300= total=", line)
            found[kind] = match.groups()
    if b"some" not in found:
        raise ParseError("pressure: the line 'some'", data)
    return _pressure((*found[b"some"], *found.get(b"full", ())))


def _pressure(fields: tuple[bytes, ...]) -> Pressure:
    if len(fields) == 4:
        return Pressure(
            some_avg10=float(fields[0]),
            some_avg60=float(fields[1]),
            some_avg300=float(fields[2]),
            some_us=int(fields[3]),
        )
    return Pressure(
        some_avg10=float(fields[0]),
        some_avg60=float(fields[1]),
        some_avg300=float(fields[2]),
        some_us=int(fields[3]),
        full_avg10=float(fields[4]),
        full_avg60=float(fields[5]),
        full_avg300=float(fields[6]),
        full_us=int(fields[7]),
    )
