"""The machine that runs the tests, as a host: scratch things on it are ours, and always removed."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

from agent.host.cgroup_fs import CgroupFs
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.host.root import HostRoot
from agent.host.scratch_cgroup import ScratchCgroup
from agent.model.cgroup import CgroupMode

HOST = HostRoot.at(Path("/"))
SECONDS = 20.0  # more than anything here takes on a busy machine
LIMIT_BYTES = 16 << 20

# Waits for one byte, then touches more memory than it may have; -S, for its pages count, too.
_EATER = """\
import mmap, os
os.write(1, b"r")
if os.read(0, 1) == b"g":
    m = mmap.mmap(-1, 256 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for i in range(0, 256 << 20, 4096):
        m[i] = 1
"""


class HasFileno(Protocol):
    def fileno(self) -> int: ...


def missing(reason: str) -> NoReturn:
    """This machine lacks a feature: a skip that says which. In CI it is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def unique(what: str) -> str:
    """A name that no other test, run or process uses."""
    return f"nodewitness-test-{what}-{os.getpid()}-{secrets.token_hex(4)}"


def readable(source: HasFileno, seconds: float = SECONDS) -> bool:
    """Whether epoll wakes for it within so long."""
    with select.epoll() as epoll:
        epoll.register(source.fileno(), select.EPOLLIN)
        return bool(epoll.poll(seconds))


def until(look: Callable[[], bool], source: HasFileno) -> None:
    """Look each time the source wakes us, until what we look for is there."""
    deadline = time.monotonic() + SECONDS
    while not look():
        left = deadline - time.monotonic()
        assert left > 0, "it did not come"
        readable(source, left)


class Eater:
    """A child that eats memory when told to. Its pid is not free before `reap`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _EATER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        assert self._process.stdout is not None
        assert self._process.stdout.read(1) == b"r"

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"g")

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> None:
        """Until it is dead; it stays a zombie."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        assert poll.poll(SECONDS * 1000), "it lives"

    def reap(self) -> int:
        """Its exit status, negative for a signal."""
        self.wait()
        return self._process.wait()

    def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


@contextlib.contextmanager
def eater() -> Iterator[Eater]:
    child = Eater()
    try:
        yield child
    finally:
        child.close()


@contextlib.contextmanager
def scratch(fs: CgroupFs, what: str) -> Iterator[ScratchCgroup]:
    """A cgroup with a limit of 16 MiB; a skip where we may not make one."""
    if os.geteuid() != 0 or not os.access(fs.root, os.W_OK):
        missing("making a cgroup needs root and a writable cgroup file system")
    with ScratchCgroup.create(fs, unique(what), LIMIT_BYTES) as cgroup:
        yield cgroup


@contextlib.contextmanager
def oom_kill(fs: CgroupFs, what: str) -> Iterator[tuple[ScratchCgroup, Eater]]:
    """A child in a scratch cgroup that the OOM killer will kill once it is told to `go`."""
    with scratch(fs, what) as cgroup, eater() as child:
        cgroup.add(child.pid)
        yield cgroup, child
        if child._process.returncode is None:
            assert child.reap() == -signal.SIGKILL


def real_v2() -> MemoryHierarchy:
    """A v2 hierarchy of this machine, with or without the memory controller in it."""
    for place in ("", "unified"):
        mount_point = HOST.sys / "fs/cgroup" / place
        if (mount_point / "cgroup.controllers").exists() and os.access(mount_point, os.W_OK):
            return MemoryHierarchy(mode=CgroupMode.V2, mount_point=mount_point)
    missing("no writable cgroup v2 hierarchy")


@contextlib.contextmanager
def bare_v2_cgroup(what: str) -> Iterator[tuple[CgroupV2, str]]:
    """An empty cgroup at the top of a v2 hierarchy: (the hierarchy, its path)."""
    fs = CgroupV2(real_v2())
    name = unique(what)
    os.mkdir(fs.root / name)
    try:
        yield fs, f"/{name}"
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(fs.root / name)
        fs.close()
