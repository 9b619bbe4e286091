"""<cgroup>/cpu.max (cgroup v2): quota and period in microseconds

    50000 100000
    max 100000          no limit

https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number


def parse_cpu_max(data: bytes) -> tuple[int | None, int]:
    """(quota, period) in microseconds; the quota is None for "max"."""
    words = data.split()
    if len(words) != 2:
        raise ParseError("cpu.max: quota and period", data)
    quota, period = words
    what = "cpu.max: 'max' or microseconds"
    return None if quota == b"max" else number(quota, what), number(period, what)
