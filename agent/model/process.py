"""What /proc tells of one process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStat:
    """/proc/PID/stat: the fields that identify a process and say whether it lives."""

    pid: int
    comm: str  # non-printable bytes as \\xNN
    state: str  # one letter: R S D T t Z X I ...
    ppid: int
    start_ticks: int  # field 22: clock ticks since boot (boottime since Linux 5.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """/proc/PID/stat: how large a process is, and how long it has waited."""

    threads: int
    resident_pages: int
    blkio_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """/proc/PID/status: the fields that we use."""

    name: str
    uid: int  # real
    namespace_pids: tuple[int, ...]  # NSpid: from the reader's namespace inwards


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCapture:
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
