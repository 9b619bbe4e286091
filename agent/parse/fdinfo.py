"""/proc/PID/fdinfo/FD: how far a descriptor has got, and which mount its file is on

    pos:	3145728
    flags:	02100001
    mnt_id:	27
    ino:	9986977

https://docs.kernel.org/filesystems/proc.html (3.8 /proc/<pid>/fdinfo/<fd>)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number


def parse_position(data: bytes) -> int:
    """Bytes from the file's beginning to where the next write(2) goes."""
    return _field(data, b"pos")


def parse_mount_id(data: bytes) -> int:
    """As in mountinfo."""
    return _field(data, b"mnt_id")


def _field(data: bytes, wanted: bytes) -> int:
    for line in data.splitlines():
        name, _, value = line.partition(b":")
        if name == wanted:
            return number(value.strip(), f"fdinfo {wanted.decode()}")
    raise ParseError(f"fdinfo: a line {wanted.decode()}:", data)
