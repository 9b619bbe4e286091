"""/proc/PID/ns of the host, and the network namespaces that have names in /run/netns

    /proc/829/ns/net -> net:[4026532177]
    /run/netns/cni-c4f0efcb-16e2-c2d3-dab1-f53bffc37952   a mount of nsfs over an empty file

The links are read, never opened, but for a moment to enter one: an open descriptor keeps the
namespace of a dead pod, and its interfaces.

namespaces(7), setns(2)
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.netlink import NETLINK_ROUTE, Netlink
from agent.host.root import HostRoot
from agent.model.namespaces import NamedNamespace, NamespaceKind
from agent.parse.names import printable

CLONE_NEWNET = 0x40000000
NETNS = "netns"
MAX_NAMED = 4096
RETURN_SECONDS = 0.1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_ADVICE = "reading the namespaces of other processes needs CAP_SYS_PTRACE"
_OPEN = os.O_RDONLY | os.O_CLOEXEC


class Namespaces:
    """Reads the host's procfs; holds nothing open. For a worker: entering waits for the kernel."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = str(root.proc)
        self._netns = root.run / NETNS

    def processes(self) -> tuple[int, ...]:
        """The host's processes in the order of their pids. Raises SourceAbsent."""
        with absent_on_error(self._proc):
            return tuple(sorted(int(n) for n in os.listdir(self._proc) if n.isdecimal()))

    def of(self, pid: int, kinds: Iterable[NamespaceKind]) -> dict[NamespaceKind, int]:
        """Inodes of a process's namespaces; without kinds that this kernel does not have.

        Raises SourceAbsent, VANISHED also for a process that has ended and is not reaped.
        """
        found: dict[NamespaceKind, int] = {}
        for kind in kinds:
            path = f"{self._proc}/{pid}/ns/{kind.value}"
            try:
                link = os.readlink(path)
            except OSError as error:
                if error.errno == errno.ENOENT and found:
                    continue
                advice = _ADVICE if error.errno in (errno.EACCES, errno.EPERM) else ""
                raise SourceAbsent.of(error, path, advice) from error
            number = link.rpartition("[")[2].removesuffix("]")
            if number.isdecimal():
                found[kind] = int(number)
        return found

    def net(self, pid: int) -> int | None:
        """The inode of its network namespace; None: it has ended, or may not be asked."""
        try:
            link = os.readlink(f"{self._proc}/{pid}/ns/net")
        except OSError:
            return None
        number = link[5:-1]
        return int(number) if number.isdecimal() else None

    def named(self) -> tuple[NamedNamespace, ...]:
        """What is in /run/netns; nothing if there is no such directory. Raises SourceAbsent."""
        try:
            names = sorted(os.listdir(os.fsencode(self._netns)))[:MAX_NAMED]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SourceAbsent.of(error, self._netns) from error
        device = os.stat(f"{self._proc}/self/ns/net").st_dev  # nsfs
        found = []
        for name in names:
            shown = printable(name)
            try:
                entry = os.stat(os.fsencode(self._netns) + b"/" + name)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    why = SourceAbsent.of(error, shown).absent.detail
                    found.append(NamedNamespace(name=shown, problem=why))
                continue
            if entry.st_dev == device:
                found.append(
                    NamedNamespace(
                        name=shown, inode=entry.st_ino, created_wall_ns=entry.st_ctime_ns
                    )
                )
            else:
                found.append(NamedNamespace(name=shown, problem="no namespace is mounted on it"))
        return tuple(found)

    def of_process(self, pid: int) -> Path:
        """Where the network namespace of a process can be entered."""
        return Path(self._proc, str(pid), "ns/net")

    def of_name(self, name: str) -> Path:
        """The same for one of /run/netns."""
        return self._netns / name

    @contextlib.contextmanager
    def opened(self, path: Path) -> Iterator[int]:
        """A descriptor of a namespace, for as long as a question takes. Raises SourceAbsent."""
        with absent_on_error(path):
            fd = os.open(path, _OPEN)
        try:
            yield fd
        finally:
            os.close(fd)

    def socket_in(self, fd: int, protocol: int = NETLINK_ROUTE) -> Netlink:
        """A netlink socket in the namespace of this descriptor. Raises SourceAbsent."""
        with self.inside(fd):
            return Netlink(protocol)

    @contextlib.contextmanager
    def inside(self, fd: int) -> Iterator[None]:
        """This thread is in another network namespace meanwhile: one that stayed would keep it
        alive. Raises SourceAbsent.
        """
        with absent_on_error("/proc/thread-self/ns/net"):
            own = os.open("/proc/thread-self/ns/net", _OPEN)
        try:
            _enter(fd)
            try:
                yield
            finally:
                _go_back(own)
        finally:
            os.close(own)


def _enter(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) < 0:
        number = ctypes.get_errno()
        advice = "entering a namespace needs CAP_SYS_ADMIN" if number == errno.EPERM else ""
        raise SourceAbsent.of(OSError(number, ""), "setns", advice)


def _go_back(fd: int) -> None:
    """It fails for want of memory alone: then a thread that waits is better than one astray."""
    while _libc.setns(fd, CLONE_NEWNET) < 0:
        time.sleep(RETURN_SECONDS)
