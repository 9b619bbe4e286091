"""<cgroup>/cgroup.controllers and <cgroup>/cgroup.subtree_control (cgroup v2)

    cpuset cpu io memory hugetlb pids rdma misc

https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files
"""

from __future__ import annotations

from agent.parse.names import printable


def parse_controllers(data: bytes) -> tuple[str, ...]:
    """The controllers, in the kernel's order; none on a hybrid host's v2 hierarchy."""
    return tuple(printable(name) for name in data.split())
