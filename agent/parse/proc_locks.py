"""/proc/locks

    1: FLOCK  ADVISORY  WRITE 5130 00:19:48 0 EOF
    1: -> FLOCK  ADVISORY  WRITE 5131 00:19:48 0 EOF
    2: POSIX  ADVISORY  READ 712 fd:01:1705 128 128
    3: LEASE  ACTIVE    READ 812 fd:01:1312 0 EOF
    4: POSIX  ADVISORY  WRITE 512 <none>:0 0 EOF

A line with an arrow waits for the lock of the same number; the arrow stands the deeper, the longer
the chain. The pid is that of the process, 0 or -1 where it is not of the reader's pid namespace.
The device is hexadecimal, the inode decimal.

https://docs.kernel.org/filesystems/proc.html, lock_get_status (fs/locks.c)
"""

from __future__ import annotations

import re

from msgspec import Struct

from agent.model.absence import ParseError

_LINE = re.compile(
    rb"([0-9]{1,10}):( +->)? ?([A-Z]{1,16}) +([A-Z*]{1,16}) +([A-Z]{1,16}) +(-?[0-9]{1,10})"
    rb" (?:([0-9a-f]{1,8}):([0-9a-f]{1,8}):([0-9]{1,20})|<none>:0)(?: .*)?"
)


class FileLock(Struct, frozen=True, kw_only=True):
    """One line."""

    number: int
    waits: bool
    kind: str
    pid: int
    device: str  # "major:minor", decimal; empty: no file
    inode: int


def parse_locks(data: bytes) -> tuple[FileLock, ...]:
    """All locks and who waits, in the kernel's order; ParseError at a line of no known form."""
    return tuple(_lock(line) for line in data.splitlines() if line)


def _lock(line: bytes) -> FileLock:
    match = _LINE.fullmatch(line.rstrip())
    if match is None:
        raise ParseError("locks: 'number: [->] kind mode type pid device:inode start end'", line)
    number, arrow, kind, _, _, pid, major, minor, inode = match.groups()
    return FileLock(
        number=int(number),
        waits=arrow is not None,
        kind=kind.decode(),
        pid=int(pid),
        device="" if major is None else f"{int(major, 16)}:{int(minor, 16)}",
        inode=0 if inode is None else int(inode),
    )
