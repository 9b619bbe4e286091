"""Samples what the kernel knows of the container runtime: its socket's file, the queues of the
socket, and the process that listens. The runtime itself is asked nothing here.

Nothing here is for the event loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.runtime_process import INIT, SHIM, RuntimeProcesses, key_of
from agent.host.runtime_socket import RuntimeSocket
from agent.host.tasks import TaskReader
from agent.host.unix_diag import dump_unix_sockets
from agent.model.absence import ParseError
from agent.model.afterlife import Task
from agent.model.cgroup import CgroupPlace
from agent.model.creation import RuntimeInit
from agent.model.runtime import DaemonProcess, Shim, SocketQueues
from agent.observe.threads import blocked_threads
from agent.parse.unix_diag import TCP_ESTABLISHED, TCP_LISTEN, UnixSocket

MAX_INITS = 64
"""Processes of runc's of which more than that is read."""


class Sight(Struct, frozen=True, kw_only=True):
    """One look."""

    path: Path
    file_absent: str = ""  # why the socket's file is not there
    file: int | None = None  # its inode
    queues: SocketQueues | None = None
    queues_absent: str = ""
    process: DaemonProcess | None = None
    shims: tuple[Shim, ...] | None = None  # None: not looked for this time
    inits: tuple[RuntimeInit, ...] = ()  # found when processes were listed last, and still there


class RuntimeSight:
    """Looks at one runtime's socket."""

    def __init__(
        self, socket: RuntimeSocket, processes: RuntimeProcesses, tasks: TaskReader
    ) -> None:
        self._socket = socket
        self._processes = processes
        self._tasks = tasks
        self._inits: tuple[RuntimeInit, ...] = ()

    def look(self, pids: Iterable[int | None], *, list_processes: bool, threads: bool) -> Sight:
        """`pids`: who listened when we last connected, and who was the runtime at the last look. If
        none of them lives, the daemon is found by its name if processes are listed. With `threads`
        its blocked ones are looked for.
        """
        path = self._socket.path
        file, absent = _file(path)
        queues, queues_absent = _queues(path, file)
        shims: list[Shim] | None = None
        process = next(filter(None, map(self._daemon, pids)), None)
        self._inits = tuple(self._still(self._inits))
        if list_processes:
            shims, inits = [], []
            for stat, where in self._processes.named():
                if stat.comm == SHIM:
                    shims.append(Shim(key=key_of(stat), state=stat.state))
                elif stat.comm.startswith(INIT):
                    inits.append((stat.pid, where))
                elif process is None:
                    process = self._daemon(stat.pid)
            self._inits = tuple(self._made(inits))
        if process is not None and threads:
            process = replace(process, blocked=blocked_threads(self._tasks, process.key.pid))
        return Sight(
            path=path,
            file_absent=absent,
            file=file,
            queues=queues,
            queues_absent=queues_absent,
            process=process,
            shims=None if shims is None else tuple(shims),
            inits=self._inits,
        )

    def _made(self, inits: Iterable[tuple[int, CgroupPlace]]) -> Iterator[RuntimeInit]:
        """Where each waits, of the first few."""
        for pid, where in islice(inits, MAX_INITS):
            task = self._init(pid)
            if task is not None:
                yield RuntimeInit(task=task, container_id=where.container_id, pod_uid=where.pod_uid)

    def _still(self, inits: Iterable[RuntimeInit]) -> Iterator[RuntimeInit]:
        """Those that are there and have not become the container's own."""
        for init in inits:
            task = self._init(init.task.pid)
            if task is not None and task.start_boottime_ns == init.task.start_boottime_ns:
                yield replace(init, task=task)

    def _init(self, pid: int) -> Task | None:
        try:
            task = self._tasks.task(pid, pid)
        except (SourceAbsent, ParseError):
            return None
        return task if task.comm.startswith(INIT) else None

    def _daemon(self, pid: int | None) -> DaemonProcess | None:
        if pid is None or pid == 1:  # a socket of systemd's, whoever serves it
            return None
        try:
            return self._processes.daemon(pid)
        except (SourceAbsent, ParseError):
            return None


def _file(path: Path) -> tuple[int | None, str]:
    try:
        return os.stat(path).st_ino, ""
    except OSError as error:
        return None, SourceAbsent.of(error, path).absent.detail


def _queues(path: Path, file: int | None) -> tuple[SocketQueues | None, str]:
    try:
        ours = [s for s in dump_unix_sockets(TCP_LISTEN) if _is_ours(s, path, file)]
        if not ours:
            return None, "no socket listens there in the agent's network namespace"
        served = [s for s in dump_unix_sockets(TCP_ESTABLISHED) if _is_ours(s, path, file)]
    except SourceAbsent as error:
        return None, error.absent.detail
    except ParseError as error:
        return None, str(error)
    unread = [s.receive_queue or 0 for s in served]
    return SocketQueues(
        pending=sum(s.receive_queue or 0 for s in ours),
        backlog=sum(s.send_queue or 0 for s in ours),
        connections=len(served),
        unread_connections=sum(1 for size in unread if size),
        unread_bytes=sum(unread),
    ), ""


def _is_ours(seen: UnixSocket, path: Path, file: int | None) -> bool:
    """By its name, or by its file: the path that it was bound to may be another name of it."""
    if seen.name == str(path):
        return True
    return file is not None and seen.file is not None and seen.file[0] == file & 0xFFFFFFFF


def absent_runtime(path: Path) -> str:
    """Why there is nothing to ask on a node without a runtime."""
    return f"no socket at {path}: is a container runtime running, or set sources.cri_socket"
