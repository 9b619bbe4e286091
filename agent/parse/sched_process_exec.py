"""<trace instance>/trace_pipe: the event sched:sched_process_exec

          bridge-18360   [001] .....  5847.512501: sched_process_exec: \
filename=/usr/lib/cni/bridge pid=18360 old_pid=18360

The filename is as execve(2) got it; a script keeps its own name. It stands as it is, so the payload
is read from its end. A newline in it could forge a line: `exec_filter` lets none through.

https://docs.kernel.org/trace/events.html, include/trace/events/sched.h
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.model.absence import ParseError
from agent.model.evidence import PluginExecuted
from agent.parse.names import printable
from agent.parse.trace_event import parse_event

NAME = "sched_process_exec"

_PAYLOAD = re.compile(rb"filename=(.*) pid=([0-9]{1,10}) old_pid=[0-9]{1,10}\n?", re.DOTALL)


def parse_exec(record: bytes) -> PluginExecuted | None:
    """One record (`trace_event.split_records`); None if it is another event, or none.

    ParseError if its payload is not known.
    """
    event = parse_event(record)
    if event is None or event.name != NAME.encode():
        return None
    payload = _PAYLOAD.fullmatch(event.payload)
    if payload is None:
        raise ParseError("sched_process_exec: 'filename= pid= old_pid='", record)
    return PluginExecuted(
        pid=int(payload[2]),
        plugin=printable(payload[1]),
        boottime_ns=event.timestamp_us * 1000,
    )


def exec_filter(directories: Iterable[str]) -> str:
    """The kernel's filter for executions of what is in these directories, by its glob."""
    below = " || ".join(f'filename ~ "{directory.rstrip("/")}/*"' for directory in directories)
    return f'({below}) && !(filename ~ "*\n*")'
