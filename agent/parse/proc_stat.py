"""/proc/PID/stat

    829 (work) S 812 829 829 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 5412 1019904 1 ...
    8301 (runc:[2:INIT]) R 8290 8301 ...

The comm stands as it is between the first "(" and the last ")": it may hold anything, also ")"
and newlines. Field 20 is the number of threads, 22 the start time, 24 the resident pages, and 42
the ticks that it waited for block io: always 0 unless kernel.task_delayacct is 1.

https://docs.kernel.org/filesystems/proc.html, proc_pid_stat(5)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.process import ProcessFigures, ProcessStat
from agent.parse.digits import number
from agent.parse.names import printable

_PPID = 1  # indexes after the comm: state is field 3
_START = 19
_THREADS = 17
_CPU = slice(11, 13)  # user and system time
_RSS = 21
_BLKIO = 39


def parse_stat(data: bytes) -> ProcessStat:
    """The identity and the state of a process; the start in clock ticks since boot."""
    opening, closing = data.find(b" ("), data.rfind(b") ")
    fields = data[closing + 2 :].split(b" ", _START + 1)
    if not 0 < opening < closing or len(fields) <= _START:
        raise ParseError("stat: 'pid (comm) state ppid ...'", data)
    if len(fields[0]) != 1 or not fields[0].isalpha():
        raise ParseError("stat: a state of one letter", fields[0])
    return ProcessStat(
        pid=number(data[:opening], "stat: pid"),
        comm=printable(data[opening + 2 : closing]),
        state=fields[0].decode("ascii"),
        ppid=number(fields[_PPID], "stat: ppid"),
        start_ticks=number(fields[_START].rstrip(b"\n"), "stat: start time"),
    )


def parse_brief(data: bytes) -> tuple[str, int]:
    """The state and the number of threads: for a look at each process of the node."""
    fields = data[data.rfind(b") ") + 2 :].split(b" ", _THREADS + 1)
    if len(fields) <= _THREADS or len(fields[0]) != 1 or not fields[0].isalpha():
        raise ParseError("stat: 'pid (comm) state ppid ...', 20 fields", data)
    return fields[0].decode("ascii"), number(fields[_THREADS], "stat: num_threads")


def parse_cpu_ticks(data: bytes) -> int:
    """The CPU time of all its threads in clock ticks."""
    fields = data[data.rfind(b") ") + 2 :].split(b" ", _CPU.stop + 1)
    if len(fields) <= _CPU.stop:
        raise ParseError("stat: 'pid (comm) state ppid ...', 15 fields", data)
    return sum(number(field, "stat: utime, stime") for field in fields[_CPU])


def parse_figures(data: bytes) -> ProcessFigures:
    """How large the process is, and how long it has waited for block io."""
    closing = data.rfind(b") ")
    fields = data[closing + 2 :].split()
    if closing < 0 or len(fields) <= _BLKIO:
        raise ParseError("stat: 'pid (comm) state ppid ...', 42 fields", data)
    return ProcessFigures(
        threads=number(fields[_THREADS], "stat: num_threads"),
        resident_pages=number(fields[_RSS], "stat: rss"),
        blkio_ticks=number(fields[_BLKIO], "stat: delayacct_blkio_ticks"),
    )
