"""connect(2) to a unix socket: whether it listens, and which process it belongs to

The kernel completes the connection as long as there is room in the backlog: that it succeeds says
nothing of the process behind it. SO_PEERCRED names the one that called listen(2).

Looking up the path can wait for a file system that hangs: call it in a worker.

https://man7.org/linux/man-pages/man7/unix.7.html
"""

from __future__ import annotations

import errno
import socket
import struct
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence

_UCRED = struct.Struct("=iII")


def listener_pid(path: Path) -> int | None:
    """Connect and hang up. The pid of the process that listens, None if it is of another pid
    namespace. Raises SourceAbsent: VANISHED (no socket), FAILED (refused, or its backlog is full).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
            raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        except OSError as error:
            raise _absent(error, path) from error
    pid, _, _ = _UCRED.unpack(raw)
    return int(pid) or None


def _absent(error: OSError, path: Path) -> SourceAbsent:
    match error.errno:
        case errno.ECONNREFUSED:
            return SourceAbsent(Absence.FAILED, "connections are refused: nobody listens")
        case errno.EAGAIN:
            return SourceAbsent(Absence.FAILED, "its backlog is full: connections are not accepted")
        case _:
            return SourceAbsent.of(error, path)
