"""A cgroup of our own at the top of the memory hierarchy, for `nodectl drill`; always removed

https://docs.kernel.org/admin-guide/cgroup-v2.html
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from typing import Self

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_tree import CounterReading
from agent.host.files import write_file
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.parse.cgroup_controllers import parse_controllers
from agent.parse.cgroup_events import parse_cgroup_events

# While something can be waited for, the wait is cut only to look for what came meanwhile. When
# nothing is in it any more and rmdir(2) still says EBUSY, no file tells when that ends.
_LOOK_AGAIN_SECONDS = 0.2
_INSTANT_SECONDS = 0.002
REMOVE_SECONDS = 5.0


class ScratchCgroup:
    """Made by `create`, removed by `remove` or at the end of a `with` block, whatever happened."""

    def __init__(self, fs: CgroupFs, name: str) -> None:
        """Take hold of one that is there: to remove what a killed drill left behind."""
        _check_name(name)
        self._fs = fs
        self.path = f"/{name}"
        self._counters = fs.open_counters(self.path)

    @classmethod
    def create(cls, fs: CgroupFs, name: str, limit_bytes: int, *, group: bool = False) -> Self:
        """Make /NAME with this limit, without swap; `group` sets memory.oom.group (v2).

        Raises SourceAbsent: UNSUPPORTED if the root of v2 does not hand the memory controller
        down, FAILED if the name is taken, for that cgroup is somebody else's.
        """
        _check_name(name)
        _check_controller(fs)
        directory = fs.directory(f"/{name}")
        try:
            os.mkdir(directory)
        except FileExistsError as error:
            detail = f"the cgroup /{name} exists already and is not touched"
            raise SourceAbsent(Absence.FAILED, detail) from error
        except OSError as error:
            raise SourceAbsent.of(error, f"mkdir {directory}") from error
        try:
            if fs.mode is CgroupMode.V2:
                write_file(directory / "memory.max", str(limit_bytes).encode())
                _write_if_there(directory / "memory.swap.max", b"0")
                if group:
                    write_file(directory / "memory.oom.group", b"1")
            else:
                limit = str(limit_bytes).encode()
                write_file(directory / "memory.limit_in_bytes", limit)
                _write_if_there(directory / "memory.memsw.limit_in_bytes", limit)
            return cls(fs, name)
        except BaseException:
            os.rmdir(directory)
            raise

    def add(self, pid: int) -> None:
        """Move a process into it. Raises SourceAbsent."""
        write_file(self._fs.directory(self.path) / "cgroup.procs", str(pid).encode())

    def read(self) -> CounterReading:
        """The memory counters now. Raises SourceAbsent."""
        return self._counters.read()

    def oom_kill(self) -> int:
        """Processes killed in it by the OOM killer. Raises SourceAbsent."""
        return self._counters.read().events.oom_kill

    def kill_all(self) -> None:
        """SIGKILL to all processes in it (never to ourselves); returns before they are dead."""
        directory = self._fs.directory(self.path)
        with contextlib.suppress(SourceAbsent):  # cgroup.kill: v2 since 5.14
            if os.getpid() not in self._fs.procs(self.path):
                write_file(directory / "cgroup.kill", b"1")
                return
        for pid in self._others():
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            except OSError:  # before 5.3 there is none: the pid may be another's by now, in theory
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                continue
            try:
                if pid in self._others():  # still: so the pidfd is that of our process
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass
            finally:
                os.close(pidfd)

    def remove(self, deadline_seconds: float = REMOVE_SECONDS) -> None:
        """Kill what is in it, wait for that, and remove it; one that is gone is no error.

        Raises SourceAbsent (FAILED) if it is still busy at the deadline.
        """
        self._counters.close()
        directory = self._fs.directory(self.path)
        deadline = time.monotonic() + deadline_seconds
        while True:
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                return
            except OSError as error:
                left = deadline - time.monotonic()
                if error.errno != errno.EBUSY or left <= 0:
                    raise SourceAbsent.of(error, f"rmdir {directory}", self._inmates()) from error
                self.kill_all()
                self._wait_for_change(left)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _wait_for_change(self, seconds: float) -> None:
        """Until a process has left, or so long."""
        with contextlib.ExitStack() as stack:
            poll = select.poll()
            waiting = 0
            if self._fs.mode is CgroupMode.V2:
                with contextlib.suppress(OSError, SourceAbsent):
                    events = self._fs.open(self.path, "cgroup.events")
                    stack.callback(os.close, events)
                    # A change after this read wakes the poll at once (kernfs_generic_poll).
                    if parse_cgroup_events(os.pread(events, 4096, 0)).populated:
                        poll.register(events, select.POLLPRI)
                        waiting += 1
            else:
                for pid in self._others():
                    with contextlib.suppress(OSError):
                        pidfd = os.pidfd_open(pid)
                        stack.callback(os.close, pidfd)
                        poll.register(pidfd, select.POLLIN)
                        waiting += 1
            poll.poll(1000 * min(seconds, _LOOK_AGAIN_SECONDS if waiting else _INSTANT_SECONDS))

    def _others(self) -> list[int]:
        """The processes in it but us; none if it is gone. 0: one that we cannot name."""
        try:
            return [pid for pid in self._fs.procs(self.path) if pid not in (0, os.getpid())]
        except SourceAbsent:
            return []

    def _inmates(self) -> str:
        with contextlib.suppress(SourceAbsent):
            return f"still in it: {', '.join(map(str, self._fs.procs(self.path))) or 'no process'}"
        return ""


def _check_name(name: str) -> None:
    if not name or "/" in name or "\n" in name or name.startswith("."):
        raise ValueError(f"not a name for a cgroup: {name!r}")


def _check_controller(fs: CgroupFs) -> None:
    if fs.mode is not CgroupMode.V2:
        return
    if "memory" not in parse_controllers(fs.read("/", "cgroup.subtree_control")):
        detail = (
            "the memory controller is not handed down from the root:"
            f" echo +memory > {fs.root}/cgroup.subtree_control"
        )
        raise SourceAbsent(Absence.UNSUPPORTED, detail)


def _write_if_there(path: object, data: bytes) -> None:
    """Without swap or its accounting there is nothing to limit."""
    try:
        write_file(str(path), data)
    except SourceAbsent as error:
        if error.absent.absence is not Absence.VANISHED:
            raise
