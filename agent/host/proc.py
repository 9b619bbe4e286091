"""/proc/PID of the host: who a process is, and the capture of one that is being killed

Read are stat, status and cgroup alone. cmdline, environ, maps and smaps take mmap_lock and hang
behind a stuck task, as ps does.

All files of a process are read through one descriptor of its directory: that belongs to one
process for ever, so that a pid used again cannot mix two of them (proc_pid_make_inode pins the
struct pid; once the process is reaped, its files say ESRCH).

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.process import ProcessCapture, ProcessStat, ProcessStatus
from agent.parse.proc_cgroup import ProcCgroup, parse_proc_cgroup
from agent.parse.proc_stat import parse_stat
from agent.parse.proc_status import parse_status

T = TypeVar("T")

# include/linux/proc_ns.h: the inodes of the namespaces that a kernel boots with
PROC_CGROUP_INIT_INO = 0xEFFFFFFB
PROC_USER_INIT_INO = 0xEFFFFFFD
PROC_PID_INIT_INO = 0xEFFFFFFC

_TOLERANCE_NS = 1_000_000_000  # the kernel's clocks drift apart; a pid is not used again so soon
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_DEAD = frozenset("ZXx")  # task_state_array, fs/proc/array.c


class ProcReader:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)

    def stat(self, pid: int) -> ProcessStat:
        """Identity and state. Raises SourceAbsent (VANISHED once reaped), ParseError."""
        return parse_stat(read_file(f"{self._proc}/{pid}/stat"))

    def status(self, pid: int) -> ProcessStatus:
        """Name, uid, pids in the namespaces. Raises SourceAbsent, ParseError."""
        return parse_status(read_file(f"{self._proc}/{pid}/status"))

    def cgroup(self, pid: int) -> ProcCgroup:
        """The cgroups it is in. Raises SourceAbsent, ParseError."""
        return parse_proc_cgroup(read_file(f"{self._proc}/{pid}/cgroup"))

    def memory_cgroup(self, pid: int) -> str:
        """Its path in the memory hierarchy; "" if that is not known (see `capture`).

        Raises SourceAbsent, ParseError.
        """
        return _memory_path(self.cgroup(pid))[0]

    def capture(self, pid: int, *, not_after_boottime_ns: int) -> ProcessCapture | None:
        """What is still there of a process that was being killed at `not_after_boottime_ns`.

        None: it is reaped, or the pid belongs to a process that started later. This is a race with
        the reaper, so nothing is asked twice, and what is lost first is read first: on v1 the
        cgroup reads "/" as soon as the process begins to exit (PF_EXITING), on v2 it stays until
        the reaping. On v1 "/" therefore counts as unknown.

        It can take as long as the console takes to print "Killed process": the OOM killer holds
        the victim's task_lock meanwhile (__oom_kill_process), and whoever opens the victim's
        directory for the first time waits for that (task_dump_owner, fs/proc/base.c).
        """
        try:
            fd = os.open(f"{self._proc}/{pid}", _DIRECTORY)
        except OSError:
            return None
        try:
            cgroup_data = _read(fd, "cgroup")
            stat_data = _read(fd, "stat")
            status_data = _read(fd, "status")
        finally:
            os.close(fd)
        stat = _parsed(parse_stat, stat_data)
        if stat is None:
            return None
        start_ns = ticks_to_ns(stat.start_ticks)
        if start_ns > not_after_boottime_ns + _TOLERANCE_NS:
            return None
        cgroup = _parsed(parse_proc_cgroup, cgroup_data)
        path, deleted = ("", False) if cgroup is None else _memory_path(cgroup)
        status = _parsed(parse_status, status_data)
        pids = () if status is None else status.namespace_pids
        return ProcessCapture(
            pid=pid,
            comm=stat.comm,
            state=stat.state,
            start_boottime_ns=start_ns,
            cgroup=path,
            cgroup_deleted=deleted,
            namespace_pid=pids[-1] if pids else None,
            container_init=is_init(pids) if pids else None,
        )

    def init_of(self, pids: Iterable[int]) -> int | None:
        """Which of a container's processes is the init of its pid namespace; None if none is.

        None is also the answer for a pod that shares one pid namespace, or the host's.
        """
        for pid in pids:
            try:
                if is_init(self.status(pid).namespace_pids):
                    return pid
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    raise
        return None

    def alive(self, pid: int, start_boottime_ns: int) -> bool:
        """Whether this very process runs: the same start, and neither zombie nor dead.

        Raises SourceAbsent if that cannot be known, ParseError.
        """
        try:
            stat = self.stat(pid)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return False
            raise
        return stat.state not in _DEAD and ticks_to_ns(stat.start_ticks) == start_boottime_ns

    def check_namespaces(self) -> None:
        """Raises SourceAbsent with what to do if we cannot see the host's pids and cgroup paths.

        In a pid namespace of our own, cgroup.procs shows 0 for the host's processes; in a cgroup
        namespace of our own, the paths of /proc/PID/cgroup begin with "/..".
        """
        self._check_namespace("pid", PROC_PID_INIT_INO, "set hostPID: true")
        advice = "give it CAP_SYS_ADMIN and CAP_SYS_PTRACE"
        self._check_namespace("cgroup", PROC_CGROUP_INIT_INO, advice)

    def check_exit_namespaces(self) -> None:
        """Raises SourceAbsent with what to do if we are where the kernel tells nobody of exits.

        proc_event requests from outside the initial pid and user namespaces are dropped without
        an answer (cn_proc_mcast_ctl, drivers/connector/cn_proc.c).
        """
        self._check_namespace("pid", PROC_PID_INIT_INO, "set hostPID: true")
        self._check_namespace("user", PROC_USER_INIT_INO, "set hostUsers: true")

    def _check_namespace(self, kind: str, inode: int, advice: str) -> None:
        link = Path(self._proc, "self/ns", kind)
        try:
            ours = link.stat().st_ino
        except OSError as error:
            raise SourceAbsent.of(error, link) from error
        if ours != inode:
            detail = f"the agent has a {kind} namespace of its own: {advice}"
            raise SourceAbsent(Absence.DENIED, detail)


def is_init(namespace_pids: tuple[int, ...]) -> bool:
    """Whether a process is the init of a pid namespace just below the reader's (NSpid).

    That is a container's; the init of one deeper down is a sandbox that the container made.
    """
    return len(namespace_pids) == 2 and namespace_pids[1] == 1


def _memory_path(cgroup: ProcCgroup) -> tuple[str, bool]:
    """The path in the memory hierarchy, "" if unknown, and whether that cgroup is removed.

    Where v1 says "/", the v2 hierarchy of a hybrid host still knows: systemd and runc put their
    processes there under the same path.
    """
    path = cgroup.v1_paths.get("memory", "")
    if path in ("", "/"):
        on_v1 = path == "/"
        path = cgroup.v2_path or ""
        if on_v1 and path == "/":
            path = ""
    if path.startswith("/.."):  # a cgroup namespace hides the rest: check_namespaces
        path = ""
    return path, cgroup.v2_deleted and "memory" not in cgroup.v1_paths


def _read(fd: int, name: str) -> bytes | None:
    """One file of a process in one read(2): each of the three is a single record (single_open)."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=fd)
        try:
            return os.read(file, 65536)
        finally:
            os.close(file)
    except OSError:
        return None


def _parsed(parse: Callable[[bytes], T], data: bytes | None) -> T | None:
    """Half a capture is better than none: what cannot be read or parsed is None."""
    if data is None:
        return None
    try:
        return parse(data)
    except ParseError:
        return None
