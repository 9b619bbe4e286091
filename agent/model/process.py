"""What /proc tells of one process."""

from __future__ import annotations

from msgspec import Struct


class ProcessStat(Struct, frozen=True, kw_only=True):
    """/proc/PID/stat: the fields that identify a process and say whether it lives."""

    pid: int
    comm: str  # non-printable bytes as \\xNN
    state: str  # one letter: R S D T t Z X I ...
    ppid: int
    start_ticks: int  # field 22: clock ticks since boot (boottime since Linux 5.5)


class ProcessFigures(Struct, frozen=True, kw_only=True):
    """/proc/PID/stat: how large a process is, and how long it has waited."""

    threads: int
    resident_pages: int
    blkio_ticks: int


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """/proc/PID/status: the fields that we use."""

    name: str
    uid: int  # real
    namespace_pids: tuple[int, ...]  # NSpid: from the reader's namespace inwards


class ProcessCapture(Struct, frozen=True, kw_only=True):
    """What was read of a process at the moment of its death, or as much as was still there."""

    pid: int
    comm: str
    state: str
    start_boottime_ns: int
    cgroup: str = ""  # path in the memory hierarchy; empty: could not be read
    cgroup_deleted: bool = False
    namespace_pid: int | None = None
    container_init: bool | None = None  # None: not known
    limit_cgroup: str = ""
