"""/proc/meminfo

    MemTotal:        2014504 kB
    MemFree:         1745196 kB

https://docs.kernel.org/filesystems/proc.html#meminfo
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError

_LINES = re.compile(rb"^(MemTotal|MemFree): +([0-9]{1,18}) kB$", re.MULTILINE)


def parse_meminfo(data: bytes) -> tuple[int, int]:
    """(MemTotal, MemFree) in bytes; ParseError without either."""
    found = {key: int(value) * 1024 for key, value in _LINES.findall(data)}
    try:
        return found[b"MemTotal"], found[b"MemFree"]
    except KeyError as error:
        raise ParseError("meminfo: the lines MemTotal and MemFree", data) from error
