"""etcd's process, and the block device beneath its write-ahead log

Everything here may hang: its command line takes its mmap_lock, its directory lies on the disk that
may be sick. Call it in a worker with a deadline, never on the event loop.

A process counts as etcd if its name is "etcd"; whether a pod may call itself so is for the caller
to judge, by the cgroup that is told.
"""

from __future__ import annotations

import os

from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.disks import EtcdProcess
from agent.parse.etcd_flags import parse_etcd_directory

COMM = b"etcd\n"
USUAL = "/var/lib/etcd"


class EtcdFinder:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot, proc: ProcReader) -> None:
        self._root = root.proc
        self._proc = proc

    def find(self) -> list[EtcdProcess]:
        """Every process of that name. Raises SourceAbsent if procfs cannot be listed."""
        try:
            names = os.listdir(self._root)
        except OSError as error:
            raise SourceAbsent.of(error, self._root) from error
        found = []
        for name in names:
            if name.isdecimal():
                try:
                    if read_file(self._root / name / "comm") == COMM:
                        found.append(self._read(int(name)))
                except (SourceAbsent, ParseError):
                    continue  # it has ended meanwhile
        return found

    def _read(self, pid: int) -> EtcdProcess:
        stat = self._proc.stat(pid)
        at = self._root / str(pid)
        directory = parse_etcd_directory(read_file(at / "cmdline")) or USUAL
        if not directory.startswith("/"):
            directory = os.path.join(os.readlink(at / "cwd"), directory)
        device, absent = "", ""
        try:
            number = os.stat(at / "root" / directory.lstrip("/")).st_dev
            device = f"{os.major(number)}:{os.minor(number)}"
        except OSError as error:
            absent = SourceAbsent.of(error, directory).absent.detail
        return EtcdProcess(
            pid=pid,
            start_boottime_ns=ticks_to_ns(stat.start_ticks),
            cgroup=self._proc.memory_cgroup(pid),
            directory=directory,
            device=device,
            absent=absent,
        )
