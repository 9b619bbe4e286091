"""/proc/PID/stack

    [<0>] folio_wait_bit_common+0x13d/0x380
    [<0>] ext4_sync_file+0xfd/0x370 [ext4]

The functions of the kernel in which a task sleeps, the innermost first; nothing for a task that
runs. The address is always printed as 0.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.names import printable

_MAX_DEPTH = 64  # MAX_STACK_TRACE_DEPTH, fs/proc/base.c
_PREFIX = b"[<0>] "


def parse_stack(data: bytes) -> tuple[str, ...]:
    """Each as the kernel prints it: name+offset/size, and the module in brackets."""
    lines = [line for line in data.split(b"\n") if line]
    if len(lines) > _MAX_DEPTH:
        raise ParseError(f"stack: at most {_MAX_DEPTH} lines", data)
    return tuple(map(_function, lines))


def _function(line: bytes) -> str:
    name = line.removeprefix(_PREFIX)
    if name == line or not name.strip():
        raise ParseError("stack: a line '[<0>] function'", line)
    return printable(name)
