"""tracefs, without making it visible to anybody

A mount that is there already is used. Otherwise tracefs is mounted detached: fsopen(2), fsmount(2)
and no move_mount(2), so that it is in no mount table and goes with our last descriptor of it.
(Mounting is the second choice because kernels before 5.18 reset the mode that an administrator has
given to a visible mount: their tracefs applies the options of every new mount to the one
superblock.)

https://docs.kernel.org/trace/ftrace.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.files import read_file, write_file
from agent.host.root import HostRoot
from agent.model.absence import Absence

# The same on every architecture whose table is younger than 5.1, and on x86_64:
# include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls/syscall_64.tbl
NR_FSOPEN = 430
NR_FSCONFIG = 431
NR_FSMOUNT = 432
_ARCHITECTURES = frozenset({"x86_64", "aarch64", "riscv64", "ppc64le", "s390x"})

# include/uapi/linux/mount.h
FSOPEN_CLOEXEC = 0x00000001
FSCONFIG_CMD_CREATE = 6
FSMOUNT_CLOEXEC = 0x00000001
MOUNT_ATTR_NOSUID = 0x00000002
MOUNT_ATTR_NODEV = 0x00000004
MOUNT_ATTR_NOEXEC = 0x00000008

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Tracefs:
    """An open tracefs; all names are relative to its root. Its owner closes it."""

    def __init__(self, root: HostRoot) -> None:
        """Open the visible mount, else mount one detached. Raises SourceAbsent."""
        visible = root.sys / "kernel/tracing"
        self.detached = not (visible / "instances").is_dir()
        if self.detached:
            self.fd = _mount_detached()
        else:
            with absent_on_error(visible):
                self.fd = os.open(visible, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def read(self, name: str) -> bytes:
        """All of a file. Raises SourceAbsent."""
        return read_file(name, dir_fd=self.fd)

    def write(self, name: str, data: bytes) -> None:
        """Write a file. Raises SourceAbsent."""
        write_file(name, data, dir_fd=self.fd)

    def names(self, directory: str) -> list[str]:
        """The names in a directory. Raises SourceAbsent."""
        with absent_on_error(f"tracefs {directory}"):
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
            try:
                return os.listdir(fd)
            finally:
                os.close(fd)

    def close(self) -> None:
        """Close our descriptor; instances that are open stay so. Harmless when repeated."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _syscall(name: str, number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        if error == errno.ENODEV:
            raise SourceAbsent(Absence.UNSUPPORTED, "tracefs: this kernel is built without tracing")
        advice = {
            errno.ENOSYS: "mount tracefs at /sys/kernel/tracing, for this kernel (or the"
            " container's seccomp profile) cannot mount it detached",
            errno.EPERM: "needs CAP_SYS_ADMIN, and a kernel that is not locked down",
        }.get(error, "")
        raise SourceAbsent.of(OSError(error, os.strerror(error)), f"tracefs: {name}", advice)
    return result


def _mount_detached() -> int:
    """A descriptor (O_PATH) of the root of a mount that is in no mount table."""
    if platform.machine() not in _ARCHITECTURES:
        raise SourceAbsent(
            Absence.UNSUPPORTED,
            f"tracefs: not mounted at /sys/kernel/tracing, and we do not know the numbers of the"
            f" mount system calls on {platform.machine()}",
        )
    context = _syscall(
        "fsopen", NR_FSOPEN, ctypes.c_char_p(b"tracefs"), ctypes.c_uint(FSOPEN_CLOEXEC)
    )
    try:
        _syscall(
            "fsconfig",
            NR_FSCONFIG,
            ctypes.c_int(context),
            ctypes.c_uint(FSCONFIG_CMD_CREATE),
            None,
            None,
            ctypes.c_int(0),
        )
        return _syscall(
            "fsmount",
            NR_FSMOUNT,
            ctypes.c_int(context),
            ctypes.c_uint(FSMOUNT_CLOEXEC),
            ctypes.c_uint(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
        )
    finally:
        os.close(context)
