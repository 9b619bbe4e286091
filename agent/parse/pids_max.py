"""<cgroup>/pids.max (cgroup v1 and v2): one value

    4915
    max

https://docs.kernel.org/admin-guide/cgroup-v2.html#pid-interface-files
"""

from __future__ import annotations

from agent.model.cgroup import Limit
from agent.parse.digits import number


def parse_pids_max(data: bytes) -> int | Limit:
    """How many tasks there may be, or Limit.UNLIMITED for "max"."""
    value = data.removesuffix(b"\n")
    return Limit.UNLIMITED if value == b"max" else number(value, "pids.max: 'max' or tasks")
