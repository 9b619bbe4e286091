"""<cgroup>/io.stat (cgroup v2): a line for each device that the cgroup has used

    8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0
    254:0

A device that has seen nothing but discards or costs may stand alone in its line. Other keys
(`cost.usage` of iocost) are skipped.

https://docs.kernel.org/admin-guide/cgroup-v2.html#io-interface-files
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.usage import DeviceIO
from agent.parse.digits import number

_KEYS = {b"rbytes": 0, b"wbytes": 1, b"rios": 2, b"wios": 3}


def parse_io_stat(data: bytes) -> dict[str, DeviceIO]:
    """Bytes and requests since the cgroup was made, by "major:minor"; devices alone are left out.

    ParseError for a line without a device, and for a known key that is no number.
    """
    found = {}
    for line in data.split(b"\n"):
        words = line.split()
        if not words:
            continue
        major, colon, minor = words[0].partition(b":")
        if not (colon and major.isdigit() and minor.isdigit()):
            raise ParseError("io.stat: 'major:minor key=number ...'", line)
        counts: list[int | None] = [None] * len(_KEYS)
        for word in words[1:]:
            key, _, value = word.partition(b"=")
            if key in _KEYS:
                counts[_KEYS[key]] = number(value, "io.stat: key=number")
        read, written, reads, writes = counts
        if read is None or written is None or reads is None or writes is None:
            continue
        found[words[0].decode()] = DeviceIO(
            read_bytes=read, written_bytes=written, reads=reads, writes=writes
        )
    return found
