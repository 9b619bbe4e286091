"""The processes of a container runtime: the daemon that listens, and the shims of its sandboxes

A process counts if its name says so and its cgroup is neither a pod's nor a container's: what comes
from a container may call itself anything. A shim's sandbox stands in its command line, which can
hang behind a stuck task: `shim_flags` is for a worker that can be left behind, and nothing else
here is.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.host.absence import SourceAbsent
from agent.host.block_io_delays import BlockIoDelays
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupPlace
from agent.model.process import ProcessStat
from agent.model.runtime import DaemonProcess, ProcessKey
from agent.parse.cgroup_path import place
from agent.parse.proc_stat import parse_figures, parse_stat
from agent.parse.shim_flags import ShimFlags, parse_shim_flags

DAEMONS = ("containerd", "crio")
SHIM = "containerd-shim"
"""The name of every shim: the kernel keeps 15 bytes of containerd-shim-runc-v2."""
INIT = "runc:["
"""How the name of a process begins that runc has made and that is not yet the container's own."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_DEAD = frozenset("ZXx")


class RuntimeProcesses:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot, proc: ProcReader) -> None:
        self._root = str(root.proc)
        self._proc = proc
        self._delays = BlockIoDelays(root)

    def daemon(self, pid: int) -> DaemonProcess | None:
        """This process as it is; None if it is gone, or a zombie. Raises SourceAbsent, ParseError
        if that cannot be known.
        """
        try:
            data = read_file(f"{self._root}/{pid}/stat")
            stat = parse_stat(data)
            where = self._place(pid)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                return None
            raise
        if stat.state in _DEAD:
            return None
        figures = parse_figures(data)
        return DaemonProcess(
            key=key_of(stat),
            comm=stat.comm,
            state=stat.state,
            threads=figures.threads,
            resident_bytes=figures.resident_pages * _PAGE_BYTES,
            blkio_delay_seconds=None if self._delays.absent() else self._delays.of_process(pid),
            unit=where.unit,
        )

    def named(self) -> Iterator[tuple[ProcessStat, CgroupPlace]]:
        """Daemons and shims of this node, by name and cgroup, and in containers' cgroups what runc
        has just made. Raises SourceAbsent if procfs cannot be listed.
        """
        try:
            names = os.listdir(self._root)
        except OSError as error:
            raise SourceAbsent.of(error, self._root) from error
        for name in names:
            if name.isdecimal():
                try:
                    comm = read_file(f"{self._root}/{name}/comm").strip().decode("latin-1")
                    init = comm.startswith(INIT)
                    if init or comm in DAEMONS or comm == SHIM:
                        stat, where = self._proc.stat(int(name)), self._place(int(name))
                        if bool(where.container_id) if init else _outside(where):
                            yield stat, where
                except (SourceAbsent, ParseError):
                    continue  # it has ended meanwhile

    def shim_flags(self, pid: int) -> ShimFlags:
        """Which sandbox a shim serves. Raises SourceAbsent, ParseError; may hang."""
        return parse_shim_flags(read_file(f"{self._root}/{pid}/cmdline"))

    def _place(self, pid: int) -> CgroupPlace:
        return place(self._proc.memory_cgroup(pid))


def _outside(where: CgroupPlace) -> bool:
    """Whether it is no pod's and no container's."""
    return not where.pod_uid and not where.container_id


def key_of(stat: ProcessStat) -> ProcessKey:
    """Who it is."""
    return ProcessKey(pid=stat.pid, start_boottime_ns=ticks_to_ns(stat.start_ticks))
