"""/proc/net/softnet_stat

    00327c80 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ...

A line for each CPU that is online, hexadecimal: packets taken, packets dropped for a full backlog,
times that the budget was used up; the rest is not read. The counters are of 32 bits and wrap.

softnet_seq_show (net/core/net-procfs.c)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.plumbing import Softnet

_DIGITS = 8
_FIELDS = 3


def parse_softnet_stat(data: bytes) -> Softnet:
    """All CPUs together. Raises ParseError."""
    rows = [_row(line) for line in data.split(b"\n") if line.strip()]
    if not rows:
        raise ParseError("softnet_stat: a line for each CPU", data)
    processed, dropped, squeezed = (sum(column) for column in zip(*rows, strict=True))
    return Softnet(processed=processed, dropped=dropped, squeezed=squeezed)


def _row(line: bytes) -> tuple[int, ...]:
    fields = line.split()[:_FIELDS]
    if len(fields) < _FIELDS or any(len(f) != _DIGITS or not f.isalnum() for f in fields):
        raise ParseError("softnet_stat: hexadecimal numbers of eight digits", line)
    try:
        return tuple(int(field, 16) for field in fields)
    except ValueError:
        raise ParseError("softnet_stat: hexadecimal numbers", line) from None
