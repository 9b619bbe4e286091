"""inotify(7), as thin as it can be

The kernel reports changes of cgroup files (memory.events, cgroup.events) as IN_MODIFY and the
birth and death of cgroups as IN_CREATE and IN_DELETE of their parent directory.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path
from typing import NamedTuple

from agent.host.absence import SourceAbsent

# include/uapi/linux/inotify.h
IN_MODIFY = 0x00000002
IN_ATTRIB = 0x00000004
IN_MOVED_FROM = 0x00000040
IN_MOVED_TO = 0x00000080
IN_CREATE = 0x00000100
IN_DELETE = 0x00000200
IN_DELETE_SELF = 0x00000400
IN_MOVE_SELF = 0x00000800
IN_UNMOUNT = 0x00002000
IN_Q_OVERFLOW = 0x00004000  # events were lost: wd is -1, read the ground truth again
IN_IGNORED = 0x00008000  # the watch is gone
IN_ONLYDIR = 0x01000000
IN_DONT_FOLLOW = 0x02000000
IN_EXCL_UNLINK = 0x04000000
IN_MASK_CREATE = 0x10000000
IN_ISDIR = 0x40000000
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC

_EVENT = struct.Struct("=iIII")  # struct inotify_event: wd, mask, cookie, len; then the name
_READ_SIZE = 65536

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_init1.argtypes = (ctypes.c_int,)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_libc.inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)


class InotifyEvent(NamedTuple):
    """One struct inotify_event; `name` is empty for the watched object itself."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class Inotify:
    """One inotify instance. Its owner closes it."""

    def __init__(self) -> None:
        """Raises SourceAbsent, which names the limit when instances are exhausted."""
        fd = _libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        if fd < 0:
            raise _absent("inotify_init1")
        self._fd: int = fd

    def fileno(self) -> int:
        """Readable (EPOLLIN) while events are waiting."""
        return self._fd

    def add_watch(self, path: str | bytes | Path, mask: int) -> int:
        """Watch `path`; its watch descriptor, the same one if the same inode is watched already.

        Raises SourceAbsent: VANISHED if there is no such path, FAILED with the sysctl to raise if
        watches are exhausted.
        """
        wd: int = _libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
        if wd < 0:
            raise _absent(f"inotify_add_watch {os.fsdecode(path)}")
        return wd

    def rm_watch(self, wd: int) -> None:
        """Forget a watch; one that the kernel has dropped already (IN_IGNORED) is no error."""
        if _libc.inotify_rm_watch(self._fd, wd) < 0 and ctypes.get_errno() != errno.EINVAL:
            raise _absent(f"inotify_rm_watch {wd}")

    def read(self) -> tuple[InotifyEvent, ...]:
        """What is waiting, up to 64 KiB of it; empty if nothing is. Raises SourceAbsent."""
        try:
            data = os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return ()
        except OSError as error:
            raise SourceAbsent.of(error, "read inotify") from error
        events = []
        offset = 0
        while offset < len(data):
            wd, mask, cookie, length = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            events.append(InotifyEvent(wd, mask, cookie, name))
        return tuple(events)

    def close(self) -> None:
        """Close the instance and with it all its watches; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _absent(what: str) -> SourceAbsent:
    number = ctypes.get_errno()
    advice = {
        errno.ENOSPC: "inotify watches are exhausted: raise sysctl fs.inotify.max_user_watches",
        errno.EMFILE: "inotify instances are exhausted: raise sysctl fs.inotify.max_user_instances"
        " (or the agent's own limit of open files)",
        errno.ENFILE: "the node's open files are exhausted: raise sysctl fs.file-max",
    }.get(number, "")
    return SourceAbsent.of(OSError(number, os.strerror(number)), what, advice)
