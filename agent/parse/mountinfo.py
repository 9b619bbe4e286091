"""/proc/PID/mountinfo

    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
    41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw

Space, tab, newline, "#" and backslash in names are written in octal, \\040 and so on. Between the
mount's options and "-" stand any number of optional fields.

https://docs.kernel.org/filesystems/proc.html, proc_pid_mountinfo(5)
"""

from __future__ import annotations

import re

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.digits import number
from agent.parse.names import printable

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


class Mount(Struct, frozen=True, kw_only=True):
    """One mount, as the reader's mount namespace sees it."""

    mount_id: int
    device: str  # "253:0"; 0:n for what lies on no block device
    root: str  # what of the file system is mounted
    mount_point: str
    fstype: str
    source: str
    super_options: tuple[str, ...]


def parse_mountinfo(data: bytes) -> tuple[Mount, ...]:
    """The mounts in the kernel's order: of two on one mount point the later hides the earlier."""
    return tuple(_mount(line) for line in data.split(b"\n") if line)


def _mount(line: bytes) -> Mount:
    fields = line.split(b" ")
    try:
        separator = fields.index(b"-", 6)
        fstype, source, super_options = fields[separator + 1 : separator + 4]
    except ValueError:
        raise ParseError("mountinfo: '... - fstype source options'", line) from None
    return Mount(
        mount_id=number(fields[0], "mountinfo: mount id"),
        device=printable(fields[2]),
        root=_name(fields[3]),
        mount_point=_name(fields[4]),
        fstype=_name(fstype),
        source=_name(source),
        super_options=tuple(_name(option) for option in super_options.split(b",")),
    )


def _name(field: bytes) -> str:
    return printable(_OCTAL.sub(lambda octal: bytes((int(octal[1], 8),)), field))
