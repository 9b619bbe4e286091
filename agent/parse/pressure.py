"""/proc/pressure/{cpu,io,memory,irq} and <cgroup>/{cpu,io,memory,irq}.pressure

    some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362
    full avg10=0.00 avg60=0.13 avg300=0.96 total=8183134

`full` of cpu is there since Linux 5.13; irq has no `some`.

https://docs.kernel.org/accounting/psi.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.usage import Pressure
from agent.parse.digits import number

_WORDS = 5  # of a line


def parse_pressure(data: bytes) -> Pressure:
    """Totals in microseconds; lines of other kinds are skipped. ParseError without `some`."""
    words = data.split(None, 2 * _WORDS)
    if len(words) >= 2 * _WORDS and words[0] == b"some" and words[_WORDS] == b"full":
        some_avg10, some_us = _line(words[:_WORDS])
        full_avg10, full_us = _line(words[_WORDS : 2 * _WORDS])
        return Pressure(
            some_us=some_us, full_us=full_us, some_avg10=some_avg10, full_avg10=full_avg10
        )
    lines = {kind: line.split() for line in data.split(b"\n") if (kind := line[:5]) in _KINDS}
    if b"some " not in lines:
        raise ParseError("a pressure file: a line 'some'", data)
    some_avg10, some_us = _line(lines[b"some "])
    if b"full " not in lines:
        return Pressure(some_us=some_us, some_avg10=some_avg10)
    full_avg10, full_us = _line(lines[b"full "])
    return Pressure(some_us=some_us, full_us=full_us, some_avg10=some_avg10, full_avg10=full_avg10)


_KINDS = (b"some ", b"full ")


def _line(words: list[bytes]) -> tuple[float, int]:
    """(avg10 in percent, total)"""
    if len(words) < _WORDS or words[1][:6] != b"avg10=" or words[4][:6] != b"total=":
        raise ParseError("a pressure file: avg10= avg60= avg300= total=", b" ".join(words))
    whole, dot, hundredths = words[1][6:].partition(b".")
    if not (dot and whole.isdigit() and hundredths.isdigit() and len(words[1]) <= 16):
        raise ParseError("a pressure file: avg10=percent", words[1])
    return float(words[1][6:]), number(words[4][6:], "a pressure file: total")
