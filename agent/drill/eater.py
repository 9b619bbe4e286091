"""The drill's child: waits to be put into the scratch cgroup, then eats until it is killed.

Run as a script, `python -I -S eater.py GO_FD READY_FD STAMPS_FD MOST_BYTES COMM`, with the standard
library alone: it must start fast and must not need what nodectl needs. It lives no longer than its
parent: the pipe GO_FD is held open by the parent alone, and once eating has begun its end is a
SIGKILL (F_SETSIG). PR_SET_PDEATHSIG would follow the death of the parent's *thread*, and needs
ctypes.

Exit: 0 the parent is gone, 3 all was eaten and nobody killed us.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import signal
import sys
import time

STEP_BYTES = 64 << 10
READY = b"r"
GO = b"g"
NOT_KILLED = 3


def main(go_fd: int, ready_fd: int, stamps_fd: int, most_bytes: int, comm: str) -> int:
    """Eat. Before each step the clock and the step's number go into the two words of the stamps."""
    _write("/proc/self/comm", comm)
    # Raising one's own score is allowed to all; were it not, nobody else is in the cgroup.
    _write("/proc/self/oom_score_adj", "1000")
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, most_bytes, flags=private, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    with contextlib.suppress(OSError, AttributeError):
        memory.madvise(mmap.MADV_NOHUGEPAGE)  # or a step would be 2 MiB
    stamps = memoryview(mmap.mmap(stamps_fd, mmap.PAGESIZE)).cast("Q")
    crumbs = b"\x01" * STEP_BYTES
    os.write(ready_fd, READY)
    os.close(ready_fd)
    if os.read(go_fd, 1) != GO or not _die_with_parent(go_fd):
        return 0
    for step in range(most_bytes // STEP_BYTES):
        stamps[1] = step
        stamps[0] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        memory[step * STEP_BYTES : (step + 1) * STEP_BYTES] = crumbs
    return NOT_KILLED


def _write(path: str, text: str) -> None:
    with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as file:
        file.write(text)


def _die_with_parent(go_fd: int) -> bool:
    """SIGKILL when the pipe's other end closes. False: it has closed already."""
    fcntl.fcntl(go_fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(go_fd, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(go_fd, fcntl.F_GETFL)
    fcntl.fcntl(go_fd, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
    try:
        return os.read(go_fd, 1) != b""
    except BlockingIOError:
        return True


if __name__ == "__main__":
    go, ready, stamps, most = map(int, sys.argv[1:5])
    sys.exit(main(go, ready, stamps, most, sys.argv[5]))
