"""/proc/stat

    cpu  6102596 666042 277375 1791254 4458 0 43879 33757 0 0
    cpu0 3062116 327382 134861 894834 2588 0 21303 16825 0 0
    cpu1 3040479 338660 142514 896419 1870 0 22575 16932 0 0
    intr 82634644 0 0 0
    ctxt 249285886
    procs_running 14
    procs_blocked 0

user nice system idle iowait irq softirq steal guest guest_nice, in clock ticks; user and nice
include the guests. CPUs that are offline have no line.

https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.cpu import CpuTimes, NodeStat
from agent.parse.digits import keyed_number, number

_STEAL = 8
"""So many times there are at least: steal since Linux 2.6.11."""


def parse_kernel_stat(data: bytes) -> NodeStat:
    """The CPUs and the two queues; ParseError if one of them is missing."""
    total: CpuTimes | None = None
    cpus: dict[int, CpuTimes] = {}
    running: int | None = None
    blocked: int | None = None
    for line in data.split(b"\n"):
        if line.startswith(b"cpu "):
            total = _times(line)
        elif line.startswith(b"cpu"):
            cpus[number(line.partition(b" ")[0][3:], "stat: cpu")] = _times(line)
        elif line.startswith(b"procs_running "):
            running = keyed_number(line, "stat: procs_running")
        elif line.startswith(b"procs_blocked "):
            blocked = keyed_number(line, "stat: procs_blocked")
    if total is None or not cpus or running is None or blocked is None:
        raise ParseError("stat: cpu, cpuN, procs_running, procs_blocked", data[:200])
    return NodeStat(total=total, cpus=cpus, running=running, blocked=blocked)


def _times(line: bytes) -> CpuTimes:
    words = line.split()[1:]
    if len(words) < _STEAL:
        raise ParseError("stat: eight times of a cpu", line)
    user, nice, system, idle, iowait, irq, softirq, steal = (
        number(word, "stat: ticks") for word in words[:_STEAL]
    )
    return CpuTimes(
        user=user + nice,
        system=system,
        idle=idle,
        iowait=iowait,
        irq=irq,
        softirq=softirq,
        steal=steal,
    )
