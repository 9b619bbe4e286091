"""/dev/kmsg: one read() is one record

    6,443,54187127,-;memory: usage 32768kB, limit 32768kB, failcnt 70
    6,339,5140900,-,caller=T1;NET: Registered protocol family 10
     SUBSYSTEM=net
     DEVICE=n2

Before the ";": facility << 3 | level, sequence, microseconds of printk's clock, flags ("c": a
fragment of a line), and whatever later kernels add. In the text every byte that is not printable
ASCII, and the backslash, is written as \\xNN. Lines that begin with a space are properties of the
device (dev_printk). User space may write records too, of any facility but 0 and without properties:
a newline of its own is escaped.

https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.kmsg import KmsgRecord
from agent.parse.digits import number

_PREFIX_MAX = 40  # a priority, and 20 digits of sequence at most
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def sequence_of(data: bytes) -> int | None:
    """A record's sequence and nothing else, for a tenth of what parsing costs; None if it has none
    (parse_kmsg says why).
    """
    fields = data[:_PREFIX_MAX].partition(b";")[0].split(b",", 2)
    return int(fields[1]) if len(fields) == 3 and fields[1].isdigit() else None


def parse_kmsg(data: bytes) -> KmsgRecord:
    """The record, the escapes in its text undone."""
    prefix, semicolon, body = data.partition(b";")
    fields = prefix.split(b",")
    if not semicolon or len(fields) < 4:
        raise ParseError("kmsg: 'priority,sequence,microseconds,flags;text'", data)
    priority = number(fields[0], "kmsg: priority")
    line, _, properties = body.partition(b"\n")
    text = line.decode("latin-1")
    if "\\" in text:
        text = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return KmsgRecord(
        level=priority & 7,
        facility=priority >> 3,
        sequence=number(fields[1], "kmsg: sequence"),
        timestamp_us=number(fields[2], "kmsg: microseconds"),
        flags=fields[3].decode("latin-1"),
        text=text,
        subsystem=_property(properties, b" SUBSYSTEM="),
        device=_property(properties, b" DEVICE="),
    )


def _property(lines: bytes, key: bytes) -> str:
    """Empty if there is none, as with most records."""
    for line in lines.split(b"\n") if lines else ():
        if line.startswith(key):
            return line[len(key) :].decode("latin-1")
    return ""
