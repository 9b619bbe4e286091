"""/proc/PID of the programs that read and write packet filters, and who has /run/xtables.lock

    812 (iptables-restor) R 4711 ...        a comm has 15 bytes
    1: FLOCK  ADVISORY  WRITE 812 00:19:48 0 EOF
    1: -> FLOCK  ADVISORY  WRITE 829 00:19:48 0 EOF

The lock is that of iptables-legacy; nftables has none in user space. All processes are looked at
once, and those that are new twice, for a process gets its name from exec(2) only.

iptables(8), proc_pid_stat(5)
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.file_locks import FileLocks
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.plumbing import SeenTool
from agent.parse.proc_stat import parse_cpu_ticks, parse_stat
from agent.parse.proc_wchan import parse_wchan

LOCK = "xtables.lock"
NAMES = (
    b"(iptables",
    b"(ip6tables",
    b"(xtables-",
    b"(nft)",
    b"(ebtables",
    b"(arptables",
    b"(ipset)",
)
LOOKS = 2
MAX_TOOLS = 256
_DEAD = frozenset("ZXx")


class RuleTools:
    """Remembers which pids are of other programs. For a worker."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)
        # A container sees it through the root directory of the host's first process.
        self._paths = (root.run / LOCK, root.proc / "1/root/run" / LOCK)
        self._locks = FileLocks(root)
        self._others: dict[int, int] = {}  # pid to looks

    def tools(self) -> tuple[SeenTool, ...]:
        """Those that run. Raises SourceAbsent if procfs cannot be listed."""
        try:
            pids = [int(name) for name in os.listdir(self._proc) if name.isdecimal()]
        except OSError as error:
            raise SourceAbsent.of(error, self._proc) from error
        before, self._others = self._others, {}
        found: list[SeenTool] = []
        for pid in pids:
            looks = before.get(pid, 0)
            if looks < LOOKS:
                tool = self._tool(pid)
                if tool is not None and len(found) < MAX_TOOLS:
                    found.append(tool)
                    continue
            self._others[pid] = looks + 1
        return tuple(found)

    def lock(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The pids that have the lock, and those that wait for it; a pid is that of the process
        which asked. Raises SourceAbsent, ParseError.
        """
        status = next(filter(None, map(_status, self._paths)), None)
        if status is None:
            return (), ()
        device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
        of_it = [
            lock
            for lock in self._locks.all()
            if lock.kind == "FLOCK" and lock.inode == status.st_ino and lock.device == device
        ]
        holders = tuple(lock.pid for lock in of_it if not lock.waits)
        return holders, tuple(lock.pid for lock in of_it if lock.waits)

    def comm(self, pid: int) -> str:
        """The name of a process that has the lock and is no such program; empty if it has ended."""
        try:
            return parse_stat(read_file(f"{self._proc}/{pid}/stat")).comm
        except (SourceAbsent, ParseError):
            return ""

    def _tool(self, pid: int) -> SeenTool | None:
        try:
            data = read_file(f"{self._proc}/{pid}/stat")
            if not data[data.find(b"(") :].startswith(NAMES):
                return None
            stat, ticks = parse_stat(data), parse_cpu_ticks(data)
        except (SourceAbsent, ParseError):
            return None  # it has ended meanwhile
        if stat.state in _DEAD:
            return None
        wchan = ""
        with contextlib.suppress(SourceAbsent, ParseError):
            wchan = parse_wchan(read_file(f"{self._proc}/{pid}/wchan"))
        return SeenTool(
            pid=pid,
            comm=stat.comm,
            start_boottime_ns=ticks_to_ns(stat.start_ticks),
            state=stat.state,
            cpu_ticks=ticks,
            wchan=wchan,
        )


def _status(path: Path) -> os.stat_result | None:
    """None: there is no such file, or it is on a root directory that may not be entered."""
    try:
        return os.stat(path)
    except OSError:
        return None
