"""/proc/PID/net/snmp: the protocol counters of a network namespace

    Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens ... RetransSegs InErrs ...
    Tcp: 1 200 120000 -1 12 9 ... 3 0 ...

https://docs.kernel.org/networking/snmp_counter.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number

_TCP = b"Tcp:"
_FIELD = b"RetransSegs"


def parse_retransmits(data: bytes) -> int:
    """TCP segments that were sent again. Raises ParseError."""
    lines = [line.split() for line in data.splitlines() if line.startswith(_TCP)]
    if len(lines) != 2 or _FIELD not in lines[0]:
        raise ParseError("two lines Tcp: with RetransSegs", data)
    values = lines[1]
    place = lines[0].index(_FIELD)
    if place >= len(values):
        raise ParseError("a value for RetransSegs", data)
    return number(values[place], "RetransSegs")
