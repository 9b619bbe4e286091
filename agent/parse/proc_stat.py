"""/proc/PID/stat

    829 (work) S 812 829 829 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 5412 1019904 1 ...
    8301 (runc:[2:INIT]) R 8290 8301 ...

The comm stands as it is between the first "(" and the last ")": it may hold anything, also ")"
and newlines. Field 22 is the start time.

https://docs.kernel.org/filesystems/proc.html, proc_pid_stat(5)
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.process import ProcessStat
from agent.parse.digits import number
from agent.parse.names import printable

_PPID = 1  # indexes after the comm: state is field 3
_START = 19


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
