"""<cgroup>/cgroup.procs

    829
    831

One pid a line, in no order; 0 is a process outside the reader's pid namespace. v1 may give a pid
twice.

https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files
"""

from __future__ import annotations

from agent.model.absence import ParseError

_PID_DIGITS = b"0123456789\n"


def parse_procs(data: bytes) -> tuple[int, ...]:
    """The pids; an empty cgroup has none."""
    lines = data.split()
    if data.translate(None, _PID_DIGITS) or len(max(lines, key=len, default=b"")) > 10:
        raise ParseError("cgroup.procs: a pid a line", data)
    return tuple(map(int, lines))
