"""The processes whose connections are the heartbeat's: the kubelet, and the API server

By their names, and by their cgroup: what comes from a container may call itself anything. The
kubelet is in no pod; whether a pod may call itself the API server is for the caller to judge.

Descriptors are read as links, never opened. All of this is for a worker.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.clock import ticks_to_ns
from agent.host.files import read_file
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.heartbeat import Caller, Role
from agent.parse.cgroup_path import place

COMM_BYTES = 15
MAX_DESCRIPTORS = 65_536


class CallerFinder:
    """Reads the host's procfs; holds nothing open."""

    def __init__(
        self, root: HostRoot, proc: ProcReader, names: Mapping[Role, Iterable[str]]
    ) -> None:
        self._root = str(root.proc)
        self._proc = proc
        self._roles = {
            name.encode()[:COMM_BYTES]: role for role, each in names.items() for name in each
        }

    def find(self) -> list[Caller]:
        """Every process of these names. Raises SourceAbsent if procfs cannot be listed."""
        with absent_on_error(self._root):
            names = os.listdir(self._root)
        found = []
        for name in names:
            if name.isdecimal():
                try:
                    comm = read_file(f"{self._root}/{name}/comm").removesuffix(b"\n")
                    role = self._roles.get(comm)
                    caller = None if role is None else self._read(role, int(name))
                except (SourceAbsent, ParseError):
                    continue  # it has ended meanwhile
                if caller is not None:
                    found.append(caller)
        return sorted(found, key=lambda caller: caller.pid)

    def _read(self, role: Role, pid: int) -> Caller | None:
        stat = self._proc.stat(pid)
        cgroup = self._proc.memory_cgroup(pid)
        where = place(cgroup)
        if role is Role.KUBELET and (where.pod_uid or where.container_id):
            return None
        return Caller(
            role=role,
            pid=pid,
            start_boottime_ns=ticks_to_ns(stat.start_ticks),
            comm=stat.comm,
            cgroup=cgroup,
            unit=where.unit,
        )

    def sockets(self, pid: int) -> frozenset[int]:
        """Inodes of its sockets. Raises SourceAbsent."""
        path = f"{self._root}/{pid}/fd"
        with absent_on_error(path):
            names = os.listdir(path)[:MAX_DESCRIPTORS]
        found = set()
        for name in names:
            try:
                link = os.readlink(f"{path}/{name}")
            except OSError:
                continue  # closed meanwhile
            if link.startswith("socket:["):
                found.add(int(link[8:-1]))
        return frozenset(found)

    def has_thread(self, pid: int, tid: int) -> bool:
        """Whether this thread is one of the process's; False also if it has ended."""
        return os.path.exists(f"{self._root}/{pid}/task/{tid}")
