"""The effective capabilities of a process, a line of /proc/PID/status

    CapEff:	000001ffffffffff

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError

_LINE = re.compile(rb"^CapEff:\t([0-9a-f]{16})$", re.MULTILINE)


def parse_effective(status: bytes) -> int:
    """The set: bit n is the capability of that number."""
    found = _LINE.search(status)
    if found is None:
        raise ParseError("a line CapEff with 16 hex digits", status[:80])
    return int(found[1], 16)
