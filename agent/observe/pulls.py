"""Samples what containerd pulls: the blobs that it has open, and while there are some, its
connections and its threads in state D.

Nothing here is for the event loop; nothing here waits for containerd's disk.
"""

from __future__ import annotations

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.containerd_files import ContainerdFiles, OpenFiles
from agent.host.proc import ProcReader
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.model.afterlife import Task
from agent.model.heartbeat import Connection
from agent.observe.connections import STATES, ConnectionSight, connection
from agent.observe.threads import blocked_threads
from agent.parse.inet_diag import TCP_LISTEN


class Sight(Struct, frozen=True, kw_only=True):
    """One look."""

    files: OpenFiles
    connections: tuple[Connection, ...] = ()
    connections_absent: str = ""
    blocked: tuple[Task, ...] = ()


class PullSight:
    """Looks at one process."""

    def __init__(
        self,
        files: ContainerdFiles,
        connections: ConnectionSight,
        proc: ProcReader,
        tasks: TaskReader,
    ) -> None:
        self.files = files
        self._connections = connections
        self._proc = proc
        self._tasks = tasks

    def look(self, pid: int) -> Sight:
        """Raises SourceAbsent if its descriptors cannot be listed."""
        files = self.files.open(pid)
        if not files.blobs:
            return Sight(files=files)
        absent = ""
        connections: tuple[Connection, ...] = ()
        try:
            connections = self._made(pid)
        except SourceAbsent as error:
            absent = error.absent.detail
        except ParseError as error:
            absent = str(error)
        return Sight(
            files=files,
            connections=connections,
            connections_absent=absent,
            blocked=blocked_threads(self._tasks, pid),
        )

    def _made(self, pid: int) -> tuple[Connection, ...]:
        """Those that it has made: not from a port that it listens on."""
        cgroup = self._proc.memory_cgroup(pid)
        seen = self._connections.sockets(pid, cgroup, states=(*STATES, TCP_LISTEN))
        served = {each.local[1] for each in seen if each.state == TCP_LISTEN}
        return tuple(
            connection(each)
            for each in seen
            if each.state != TCP_LISTEN and each.local[1] not in served
        )
