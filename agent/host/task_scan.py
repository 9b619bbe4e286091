"""/proc/PID/stat and /proc/PID/task/TID/stat of all tasks: which are in state D

A process with one thread costs one read, some 20 us; a node has thousands. Call it in a worker.

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.parse.proc_stat import parse_brief
from agent.parse.proc_switches import parse_switches

BLOCKED = "D"


class TaskScan:
    """Reads the host's procfs; holds nothing open. `looked_at` counts tasks of the last scan."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)
        self.looked_at = 0

    def blocked(self) -> Iterator[tuple[int, int]]:
        """(pid, tid) of each task in state D. Raises SourceAbsent if procfs cannot be listed."""
        self.looked_at = 0
        try:
            names = os.listdir(self._proc)
        except OSError as error:
            raise SourceAbsent.of(error, self._proc) from error
        for name in names:
            if name.isdecimal():
                yield from self._of(name)

    def _of(self, name: str) -> Iterator[tuple[int, int]]:
        try:
            state, threads = parse_brief(read_file(f"{self._proc}/{name}/stat"))
        except (SourceAbsent, ParseError):
            return  # it has ended meanwhile
        if threads == 1:
            self.looked_at += 1
            if state == BLOCKED:
                yield int(name), int(name)
            return
        try:
            tids = os.listdir(f"{self._proc}/{name}/task")
        except OSError:
            return
        for tid in tids:
            try:
                state, _ = parse_brief(read_file(f"{self._proc}/{name}/task/{tid}/stat"))
            except (SourceAbsent, ParseError):
                continue
            self.looked_at += 1
            if state == BLOCKED:
                yield int(name), int(tid)

    def switches(self, pid: int, tid: int) -> int | None:
        """How often a task has left a CPU; None if that cannot be read."""
        try:
            return parse_switches(read_file(f"{self._proc}/{pid}/task/{tid}/status"))
        except (SourceAbsent, ParseError):
            return None
