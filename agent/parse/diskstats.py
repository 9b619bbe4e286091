"""/proc/diskstats

     254       0 vda 872 0 84104 1039 12 3 96 40 1 0 2032 1079 0 0 0 0 4 21
     253       0 dm-0 8 0 64 0 3 0 24 0 0 0 0 0 0 0 0 0 0 0

Major, minor and name; reads, merged, sectors, milliseconds; the same of writes; requests in flight,
milliseconds in which there were some, and weighted by how many; since Linux 4.18 four of discards,
since 5.5 flushes and their milliseconds. A sector is 512 bytes, whatever the disk's own are.

https://docs.kernel.org/admin-guide/iostats.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.disks import DiskCounters, OpCounters
from agent.parse.digits import number
from agent.parse.names import printable

SECTOR_BYTES = 512
_WHAT = "diskstats: a decimal number"
_FIELDS = 14  # since Linux 2.6


def parse_diskstats(data: bytes) -> tuple[DiskCounters, ...]:
    """All devices in the kernel's order, partitions too. Lines with fewer than 14 fields, which old
    kernels write for partitions, are an error.
    """
    return tuple(_device(line) for line in data.split(b"\n") if line.strip())


def _device(line: bytes) -> DiskCounters:
    fields = line.split()
    if len(fields) < _FIELDS:
        raise ParseError("diskstats: 'major minor name', 11 numbers and more", line)
    figures = [number(field, _WHAT) for field in fields[3:]]
    discards = figures[11:15] if len(figures) >= 15 else None
    flushes = figures[15:17] if len(figures) >= 17 else None
    return DiskCounters(
        id=f"{number(fields[0], _WHAT)}:{number(fields[1], _WHAT)}",
        name=printable(fields[2]),
        reads=_op(figures[0:4]),
        writes=_op(figures[4:8]),
        discards=None if discards is None else _op(discards),
        flushes=None
        if flushes is None
        else OpCounters(count=flushes[0], bytes=0, milliseconds=flushes[1]),
        in_flight=figures[8],
        busy_ms=figures[9],
        weighted_ms=figures[10],
    )


def _op(figures: list[int]) -> OpCounters:
    count, _, sectors, milliseconds = figures
    return OpCounters(count=count, bytes=sectors * SECTOR_BYTES, milliseconds=milliseconds)
