"""<trace instance>/trace: the columns that every event begins with

    # tracer: nop
    #
             lab-init-1       [001] .....   138.938364: task_newtask: pid=6748 comm=lab-init ...
               <...>-6687    [001] dN.1.   138.709660: cgroup_attach_task: dst_root=0 ...
    ##### CPU 1 buffer started ####

The task that ran, its pid, [cpu], flags, seconds of the trace clock, the event. A comm is printed
as it is, newlines included, wherever it stands; it is of at most 15 bytes and so too short to
imitate the columns. So a line that has none belongs to the event before it.

https://docs.kernel.org/trace/ftrace.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

COLUMNS = re.compile(
    rb" *.{0,16}?-([0-9]{1,10}) +"
    rb"(?:\([ 0-9-]{1,10}\) +)?"  # the thread group, with the option record-tgid
    rb"\[[0-9]{3,5}\] +"
    rb"(?:[^ ]{4,6} +)?"  # 4 flags, 5 since Linux 5.16; none without the option irq-info
    rb"([0-9]{1,20})\.([0-9]{6}): ([^ :]{1,64}): ",
    re.DOTALL,
)


class TraceEvent(NamedTuple):
    """One event as it is printed."""

    pid: int  # of the thread that ran
    timestamp_us: int
    name: bytes
    payload: bytes


def parse_event(record: bytes) -> TraceEvent | None:
    """One record of `split_records`; None if it has no columns: a comment, or a gap's mark."""
    columns = COLUMNS.match(record)
    if columns is None:
        return None
    pid, seconds, micros, name = columns.groups()
    timestamp_us = int(seconds) * 1_000_000 + int(micros)
    return TraceEvent(int(pid), timestamp_us, name, record[columns.end() :])


def split_records(text: bytes) -> tuple[list[bytes], bytes]:
    """The whole records of a piece of text, and the rest, to be put before the next piece.

    The last record is always left in the rest: whether the line after it continues it is not known.
    """
    records: list[bytes] = []
    for line in text.split(b"\n"):
        if records and not (COLUMNS.match(line) or line.startswith(b"#")):
            records[-1] += b"\n" + line
        else:
            records.append(line)
    return records[:-1], records[-1]


def last_timestamp_us(text: bytes) -> int | None:
    """When the last whole line with columns was, without looking at the others; None: none has."""
    end = text.rfind(b"\n")
    while end >= 0:
        start = text.rfind(b"\n", 0, end) + 1
        columns = COLUMNS.match(text, start, end)
        if columns is not None:
            return int(columns[2]) * 1_000_000 + int(columns[3])
        end = start - 1
    return None
