"""What the probes in the kernel's OOM killer record: numbers only, so that no name can forge them.

agent.host.oom_probe defines the probes and says which kernel functions they are on.
"""

from __future__ import annotations

from msgspec import Struct


class ProbedCgroup(Struct, frozen=True, kw_only=True):
    """A cgroup and its ancestors, lowest first; a list that is cut off does not reach the root."""

    inodes: tuple[int, ...]  # kernfs node ids, which stat(2) shows as st_ino on 64-bit kernels
    names: tuple[str | None, ...]  # of the same cgroups; None: too long for the probe; "" the root


class ProbedCall(Struct, frozen=True, kw_only=True):
    """A call of out_of_memory(). The kernel holds oom_lock throughout, so calls never mix."""

    timestamp_us: int  # of the instance's trace clock
    memcg: ProbedCgroup | None  # whose limit fired; None: the node is out of memory
    limit_bytes: int | None  # memory.max of that cgroup; None: unlimited, or no cgroup


class ProbedKill(Struct, frozen=True, kw_only=True):
    """__oom_kill_process(): the victim as the kernel had it in its hands."""

    timestamp_us: int
    pid: int
    tgid: int
    start_boottime_ns: int
    cgroup: ProbedCgroup


class VictimProbe(Struct, frozen=True, kw_only=True):
    """What both probes tell of one victim, with paths. Empty strings: the path is not known."""

    start_boottime_ns: int
    cgroup: str
    call_boottime_ns: int | None = None  # names the call of out_of_memory(); None: not seen
    node_wide: bool = False  # no cgroup's limit: the node itself was out of memory
    limit_cgroup: str = ""
    limit_bytes: int | None = None
