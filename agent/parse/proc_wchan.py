"""/proc/PID/wchan

    folio_wait_bit_common
    0

The kernel's function in which a task sleeps, without a newline; "0" for one that does not sleep,
and for all where the reader may not know.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.names import printable

_MAX_BYTES = 512  # KSYM_NAME_LEN


def parse_wchan(data: bytes) -> str:
    """The function's name; empty for "0"."""
    name = data.strip()
    if not name or len(name) > _MAX_BYTES or len(name.split()) != 1:
        raise ParseError("wchan: one name, or 0", data)
    return "" if name == b"0" else printable(name)
