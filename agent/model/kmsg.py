"""/dev/kmsg records, and what the kernel's OOM killer writes into them."""

from __future__ import annotations

from msgspec import Struct


class KmsgRecord(Struct, frozen=True, kw_only=True):
    """One record. Only facility 0 is the kernel's: user space may write any other."""

    level: int  # 0 (emergency) to 7 (debug)
    facility: int
    sequence: int
    timestamp_us: int  # the kernel's printk clock since boot; drifts from CLOCK_BOOTTIME
    flags: str
    text: str  # \\xNN escapes of the kernel undone to single characters U+0000..U+00FF
    subsystem: str = ""  # of the device that it is about, if the kernel says: "scsi", "nvme"
    device: str = ""  # "b8:0", "c242:1", "n2", "+scsi:2:0:0:0"; user space cannot write either


class OOMInvoked(Struct, frozen=True, kw_only=True):
    """`COMM invoked oom-killer: gfp_mask=..., order=0, oom_score_adj=900`; rate limited."""

    comm: str
    gfp_mask: str
    order: int
    oom_score_adj: int


class OOMUsage(Struct, frozen=True, kw_only=True):
    """`memory: usage 32768kB, limit 32768kB, failcnt 70`; rate limited with the header."""

    usage_bytes: int
    limit_bytes: int | None  # None: unlimited


class OOMSummary(Struct, frozen=True, kw_only=True):
    """`oom-kill:constraint=...`; rate limited to 10 in 5 s.

    Names of cgroups and tasks are chosen by containers and may imitate the line's own syntax, so
    one text can have several readings; the parser gives every reading that is consistent in itself.
    """

    constraint: str
    global_oom: bool
    oom_memcg: str  # empty if global_oom
    task_memcg: str
    task: str
    pid: int
    uid: int


class OOMGroupKill(Struct, frozen=True, kw_only=True):
    """`Tasks in CGROUP are going to be killed due to memory.oom.group set`; follows the first kill
    of a group.
    """

    cgroup: str


class OOMKilledProcess(Struct, frozen=True, kw_only=True):
    """`Memory cgroup out of memory: Killed process 829 (work) total-vm:...`; never rate limited."""

    # False: "Out of memory:", the node (or a cpuset, a mempolicy, sysrq). None: kernels before 5.2,
    # whose line does not say.
    memory_cgroup: bool | None
    pid: int
    comm: str
    total_vm_bytes: int
    anon_rss_bytes: int
    file_rss_bytes: int
    shmem_rss_bytes: int
    uid: int | None  # None: kernels before 5.4 do not print it
    page_tables_bytes: int | None
    oom_score_adj: int | None


OOMLine = OOMInvoked | OOMUsage | tuple[OOMSummary, ...] | OOMGroupKill | OOMKilledProcess


class TraceVictim(Struct, frozen=True, kw_only=True):
    """One oom:mark_victim event of a trace_pipe. Sizes and comm are printed by newer
    kernels only.
    """

    timestamp_us: int  # of the instance's trace clock
    pid: int
    comm: str = ""
    uid: int | None = None
    oom_score_adj: int | None = None
    total_vm_bytes: int | None = None
    anon_rss_bytes: int | None = None
    file_rss_bytes: int | None = None
    shmem_rss_bytes: int | None = None
    page_tables_bytes: int | None = None
