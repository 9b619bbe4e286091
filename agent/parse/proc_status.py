"""/proc/PID/status

    Name:	work
    Uid:	0	0	0	0
    NSpid:	829	1

In the name a newline is written as \\n and a backslash as \\\\ (`proc_task_name`, fs/proc/array.c).
NSpid is there since Linux 4.1 (e4bc33245124) if the kernel has pid namespaces.

https://docs.kernel.org/filesystems/proc.html, proc_pid_status(5)
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.process import ProcessStatus
from agent.parse.digits import number
from agent.parse.names import printable

_ESCAPE = re.compile(rb"\\([n\\])")


def parse_status(data: bytes) -> ProcessStatus:
    """The name, the real uid and the pids, none without NSpid; ParseError without the others."""
    name = _value(data, b"Name:\t")
    uid = _value(data, b"Uid:\t")
    if name is None or uid is None:
        raise ParseError("status: the lines 'Name' and 'Uid'", data)
    pids = _value(data, b"NSpid:\t")
    return ProcessStatus(
        name=printable(_ESCAPE.sub(lambda e: b"\n" if e[1] == b"n" else b"\\", name)),
        uid=number(uid.partition(b"\t")[0], "status: real uid"),
        namespace_pids=()
        if pids is None
        else tuple(number(pid, "status: NSpid") for pid in pids.split(b"\t")),
    )


def _value(data: bytes, key: bytes) -> bytes | None:
    start = 0 if data.startswith(key) else data.find(b"\n" + key) + 1
    if start == 0 and not data.startswith(key):
        return None
    end = data.find(b"\n", start)
    return data[start + len(key) : end if end >= 0 else None]
