"""<trace instance>/trace_pipe: the event oom:mark_victim, and what was lost

                work-829     [000] ...1.     7.311843: mark_victim: pid=829
                work-193     [001] ...1.     7.311843: mark_victim: pid=193 comm=work \
total-vm=7140kB anon-rss=6016kB file-rss:4kB shmem-rss:628kB uid=0 pgtables=48kB oom_score_adj=0
    CPU:0 [LOST 123 EVENTS]

Task, pid, [cpu], flags and time are the columns; the task is the one that ran, not the victim.
Since Linux 6.9 (72ba14deb40a), and in later stable kernels, the event has more than the pid.

Both comms are printed as they are, of at most 15 bytes, newlines included. That is too short to
imitate the columns, so the first "-pid [cpu] flags time: event:" of a line is the kernel's own. A
newline in the victim's comm cuts its line: then the pid is all that can be told. An event with
longer text that others choose (sched_process_exec's filename) could forge a whole line: such
events do not belong into the same instance.

https://docs.kernel.org/trace/ftrace.html, include/trace/events/oom.h
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.kmsg import TraceVictim
from agent.parse.digits import number
from agent.parse.names import printable

_MARK = b": mark_victim: "
_COLUMNS = re.compile(
    rb" *.{0,16}?-[0-9]{1,10} +"
    rb"(?:\([ 0-9-]{1,10}\) +)?"  # the thread group, with the option record-tgid
    rb"\[[0-9]{3,5}\] +"
    rb"(?:[^ ]{4,6} +)?"  # 4 flags, 5 since Linux 5.16; none without the option irq-info
    rb"([0-9]{1,20})\.([0-9]{6}): ([^ :]{1,64}): ",
    re.DOTALL,
)
_SIZES = re.compile(
    rb"(.*?) total-vm=([0-9]{1,17})kB anon-rss=([0-9]{1,17})kB"
    rb" file-rss[:=]([0-9]{1,17})kB shmem-rss[:=]([0-9]{1,17})kB"
    rb" uid=([0-9]{1,10}) pgtables=([0-9]{1,17})kB oom_score_adj=(-?[0-9]{1,5})(?![0-9])",
    re.DOTALL,
)
_LOST = re.compile(rb"CPU:[0-9]{1,5} \[LOST (?:([0-9]{1,20}) )?EVENTS\]\n?")
_TASK_COMM_BYTES = 15


def parse_mark_victim(line: bytes) -> TraceVictim | None:
    """The victim; None for other events and for anything that is not an event.

    A line whose comm is cut has the pid and no sizes. ParseError if the columns of a mark_victim
    are unknown, say because the trace clock does not count seconds.
    """
    mark = line.find(_MARK)
    if mark < 0:
        return None
    columns = _COLUMNS.match(line)
    if columns is None:
        if b"[" not in line[:mark]:
            return None  # the rest of a comm after its newline: no room for columns
        raise ParseError("trace_pipe: 'task-pid [cpu] flags seconds: mark_victim:'", line)
    seconds, micros, event = columns.groups()
    if event != b"mark_victim":
        return None
    timestamp_us = int(seconds) * 1_000_000 + int(micros)
    payload = line[columns.end() :].removesuffix(b"\n")
    if not payload.startswith(b"pid="):
        raise ParseError("mark_victim: 'pid=number'", line)
    digits, _, rest = payload[4:].partition(b" ")
    pid = number(digits, "mark_victim: pid")
    if not rest.startswith(b"comm="):
        return TraceVictim(timestamp_us=timestamp_us, pid=pid)
    sizes = _SIZES.match(rest, 5)
    if sizes is None:
        comm = printable(rest[5:][:_TASK_COMM_BYTES])
        return TraceVictim(timestamp_us=timestamp_us, pid=pid, comm=comm)
    return TraceVictim(
        timestamp_us=timestamp_us,
        pid=pid,
        comm=printable(sizes[1]),
        total_vm_bytes=int(sizes[2]) * 1024,
        anon_rss_bytes=int(sizes[3]) * 1024,
        file_rss_bytes=int(sizes[4]) * 1024,
        shmem_rss_bytes=int(sizes[5]) * 1024,
        uid=int(sizes[6]),
        page_tables_bytes=int(sizes[7]) * 1024,
        oom_score_adj=int(sizes[8]),
    )


def parse_lost(line: bytes) -> int | None:
    """How many events one CPU lost here, at least; None if the line does not say that.

    1 where the kernel itself does not know the number ("[LOST EVENTS]").
    """
    match = _LOST.fullmatch(line)
    if match is None:
        return None
    return int(match[1]) if match[1] else 1
