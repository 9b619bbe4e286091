"""/proc/pressure/{cpu,io,memory,irq} and <cgroup>/{cpu,io,memory,irq}.pressure

    some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362
    full avg10=0.00 avg60=0.13 avg300=0.96 total=8183134

`full` of cpu is there since Linux 5.13; irq has no `some`.

https://docs.kernel.org/accounting/psi.html
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.usage import Pressure

_AVERAGES = rb" avg10=([0-9]{1,3}\.[0-9]{2}) avg60=[0-9.]+ avg300=[0-9.]+ total=([0-9]{1,20})\n"
_BOTH = re.compile(rb"some" + _AVERAGES + rb"full" + _AVERAGES)
_SOME = re.compile(rb"^some" + _AVERAGES, re.MULTILINE)
_FULL = re.compile(rb"^full" + _AVERAGES, re.MULTILINE)


def parse_pressure(data: bytes) -> Pressure:
    """Totals in microseconds; lines of other kinds are skipped. ParseError without `some`."""
    both = _BOTH.match(data)
    if both is None:
        return _by_line(data)
    some_avg10, some_us, full_avg10, full_us = both.groups()
    return Pressure(
        some_us=int(some_us),
        full_us=int(full_us),
        some_avg10=float(some_avg10),
        full_avg10=float(full_avg10),
    )


def _by_line(data: bytes) -> Pressure:
    some, full = _SOME.search(data), _FULL.search(data)
    if some is None or (full is None and re.search(rb"^full", data, re.MULTILINE)):
        raise ParseError(
            "a pressure file: 'some avg10= avg60= avg300= total=' and 'full ...'", data
        )
    if full is None:
        return Pressure(some_us=int(some[2]), some_avg10=float(some[1]))
    return Pressure(
        some_us=int(some[2]),
        full_us=int(full[2]),
        some_avg10=float(some[1]),
        full_avg10=float(full[1]),
    )
