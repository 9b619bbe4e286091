"""/proc/loadavg

    1.36 3.49 4.53 2/3518 3715089

The second number of the fourth field counts the tasks, threads included, of the whole node.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number


def parse_tasks(data: bytes) -> int:
    """How many tasks there are; ParseError if the line has another form."""
    fields = data.split()
    if len(fields) < 5:
        raise ParseError("loadavg: five fields", data)
    _, slash, tasks = fields[3].partition(b"/")
    if not slash:
        raise ParseError("loadavg: running/tasks", data)
    return number(tasks, "loadavg: tasks")
