"""/proc/loadavg

    1.36 3.49 4.53 2/3518 3715089

The second number of the fourth field counts the tasks, threads included, of the whole node.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.cpu import Load
from agent.parse.digits import number


def parse_load(data: bytes) -> Load:
    """The three averages."""
    values = [word.partition(b".") for word in data.split()[:3]]
    if len(values) != 3 or not all(
        whole.isdigit() and len(whole) < 20 and len(part) == 2 and part.isdigit()
        for whole, _, part in values
    ):
        raise ParseError("loadavg: three averages", data)
    one, five, fifteen = (int(whole) + int(part) / 100 for whole, _, part in values)
    return Load(one=one, five=five, fifteen=fifteen)


def parse_tasks(data: bytes) -> int:
    """How many tasks there are; ParseError if the line has another form."""
    fields = data.split()
    if len(fields) < 5:
        raise ParseError("loadavg: five fields", data)
    _, slash, tasks = fields[3].partition(b"/")
    if not slash:
        raise ParseError("loadavg: running/tasks", data)
    return number(tasks, "loadavg: tasks")
