"""The eater from its parent's side: start it, let it go, see it die, be rid of it."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import sys
import time
from pathlib import Path

from msgspec import Struct

from agent.drill import eater


class Death(Struct, frozen=True, kw_only=True):
    """How the eater ended."""

    boottime_ns: int  # when we saw it
    last_step_ns: (
        int  # the stamp before its last step: at most one step before the kill; 0 if it never ate
    )
    eaten_bytes: int  # at least
    status: int  # as os.waitstatus_to_exitcode: -9 for SIGKILL, else what it exited with

    @property
    def by_sigkill(self) -> bool:
        return self.status == -signal.SIGKILL


class Eater:
    """One child process. `close` kills it if it still lives, and reaps it."""

    def __init__(self, most_bytes: int, comm: str) -> None:
        """Start it; it waits for `go`. Raises OSError."""
        self.comm = comm
        self._status: int | None = None
        stamps_fd = os.memfd_create("nodectl-drill", os.MFD_CLOEXEC)
        go_read, self._go = os.pipe()
        self._ready, ready_write = os.pipe()
        try:
            os.truncate(stamps_fd, mmap.PAGESIZE)
            self._stamps = mmap.mmap(stamps_fd, mmap.PAGESIZE)
            self._stamps[:16] = bytes(16)  # the page is ours, not the scratch cgroup's
            for fd in (go_read, ready_write, stamps_fd):
                os.set_inheritable(fd, True)
            # A group of its own: Ctrl-C is for nodectl, which then ends it.
            self.pid = os.posix_spawn(  # noqa: TID251 (the drill's one process, of our own interpreter)
                sys.executable,
                [
                    sys.executable, "-I", "-S", "-B", _script(),
                    str(go_read), str(ready_write), str(stamps_fd), str(most_bytes), comm,
                ],
                {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"},
                setpgroup=0,
                setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
            )  # fmt: skip
            self._pidfd = os.pidfd_open(self.pid)
        except BaseException:
            os.close(self._go)
            os.close(self._ready)
            raise
        finally:
            os.close(go_read)
            os.close(ready_write)
            os.close(stamps_fd)

    def ready(self, seconds: float) -> bool:
        """Wait until it has started and has nothing more to do than to eat; False: it has not."""
        poll = select.poll()
        poll.register(self._ready, select.POLLIN)
        return bool(poll.poll(seconds * 1000)) and os.read(self._ready, 1) == eater.READY

    def go(self) -> None:
        """Let it eat."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, eater.GO)

    def wait(self, seconds: float) -> Death | None:
        """Its death, or None if it still lives after so long."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return None
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stamps = memoryview(self._stamps).cast("Q")
        try:
            last_step_ns, steps = stamps[0], stamps[1]
        finally:
            stamps.release()
        return Death(
            boottime_ns=now_ns,
            last_step_ns=last_step_ns,
            eaten_bytes=steps * eater.STEP_BYTES,
            status=self._reap(),
        )

    def close(self) -> None:
        """Kill and reap it; harmless when repeated."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._reap()
        for fd in (self._go, self._ready, self._pidfd):
            if fd >= 0:
                os.close(fd)
        self._go = self._ready = self._pidfd = -1

    def _reap(self) -> int:
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


def _script() -> str:
    return str(Path(eater.__file__).resolve())
