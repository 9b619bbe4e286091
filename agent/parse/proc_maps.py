"""/proc/PID/maps

    7f3c5a200000-7f3c5a7d1000 r-xp 00026000 fe:00 131180  /usr/lib/libpython3.11.so
    7ffd1c1f9000-7ffd1c21a000 rw-p 00000000 00:00 0                          [stack]

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.absence import ParseError

_FORM = "start-end perms offset device inode [path]"


class Mapping(Struct, frozen=True, kw_only=True):
    """One range of addresses."""

    start: int
    end: int
    permissions: str  # "r-xp"; the last letter is "s" if it is shared
    inode: int  # 0: no file is behind it

    @property
    def size(self) -> int:
        return self.end - self.start


def parse_maps(data: bytes) -> tuple[Mapping, ...]:
    """All of them, lowest first. Paths are left out: they may hold anything but a newline."""
    return tuple(_mapping(line) for line in data.split(b"\n") if line)


def _mapping(line: bytes) -> Mapping:
    words = line.split(b" ", 5)
    try:
        addresses, permissions, _, _, inode = words[:5]
        start, end = (int(word, 16) for word in addresses.split(b"-"))
        found = Mapping(
            start=start, end=end, permissions=permissions.decode("ascii"), inode=int(inode)
        )
    except ValueError as error:
        raise ParseError(_FORM, line) from error
    if not found.start < found.end <= 1 << 64 or len(found.permissions) != 4 or found.inode < 0:
        raise ParseError(_FORM, line)
    return found
