"""The cgroup namespace of the host, for an agent in a container that has one of its own

In a namespace of our own the kernel shows the cgroups of others as "/../..": in /proc/PID/cgroup,
and in the mount table. Containers are given one on cgroup v2 unless they are privileged.

setns(2), cgroup_namespaces(7)
"""

from __future__ import annotations

import ctypes
import os

from agent.host.absence import SourceAbsent
from agent.host.proc import PROC_CGROUP_INIT_INO
from agent.host.root import HostRoot

CLONE_NEWCGROUP = 0x02000000  # include/uapi/linux/sched.h

_libc = ctypes.CDLL(None, use_errno=True)


def join_host_cgroup_namespace(root: HostRoot) -> bool:
    """Enter that of the host's first process, unless we are where the kernel began; whether we did.

    It is the thread's, and that of all threads that it starts from then on: call it before there
    are others. Raises SourceAbsent: it takes CAP_SYS_PTRACE to open and CAP_SYS_ADMIN to enter.
    """
    if _inode(root, "self") == PROC_CGROUP_INIT_INO:
        return False
    path = root.proc / "1/ns/cgroup"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceAbsent.of(error, path, "needs hostPID and CAP_SYS_PTRACE") from error
    try:
        if os.fstat(fd).st_ino == _inode(root, "self"):
            return False
        if _libc.setns(fd, CLONE_NEWCGROUP) != 0:
            number = ctypes.get_errno()
            failed = OSError(number, os.strerror(number))
            raise SourceAbsent.of(failed, path, "entering it needs CAP_SYS_ADMIN")
    finally:
        os.close(fd)
    return True


def _inode(root: HostRoot, process: str) -> int:
    path = root.proc / process / "ns/cgroup"
    try:
        return path.stat().st_ino
    except OSError as error:
        raise SourceAbsent.of(error, path) from error
