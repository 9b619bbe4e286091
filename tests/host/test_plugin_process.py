"""agent.host.plugin_process and agent.host.file_locks on this host's own processes."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.file_locks import FileLocks
from agent.host.plugin_process import PluginProcesses
from agent.host.proc import ProcReader
from agent.host.root import HostRoot

ROOT = HostRoot.at(Path("/"))
WAITS = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def processes() -> PluginProcesses:
    return PluginProcesses(ROOT, ProcReader(ROOT))


@pytest.fixture
def plugin() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like a call, and waits for its stdin to end."""
    environ = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "4f" * 32, "SECRET": "x"}
    with subprocess.Popen(
        [sys.executable, "-S", "-c", WAITS],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process(processes: PluginProcesses, plugin: subprocess.Popen[bytes]) -> None:
    """Who it is, what its environment says, and its end by its descriptor."""
    fd, who = processes.open(plugin.pid)
    try:
        assert (who.pid, who.parent_pid) == (plugin.pid, os.getpid())
        assert who.start_boottime_ns > 0
        environ = processes.environ(plugin.pid)
        assert environ is not None
        assert (environ.command, environ.container_id) == ("ADD", "4f" * 32)
        assert who in processes.named(frozenset({who.comm}))
        assert not processes.named(frozenset())
        with select.epoll() as epoll:
            epoll.register(fd, select.EPOLLIN)
            assert not epoll.poll(0)
            assert plugin.stdin is not None
            plugin.stdin.close()
            assert epoll.poll(60)
        assert processes.environ(plugin.pid) is None  # a zombie has none
    finally:
        processes.close(fd)


def test_a_process_that_is_gone(
    processes: PluginProcesses, plugin: subprocess.Popen[bytes]
) -> None:
    plugin.kill()
    plugin.wait()
    with pytest.raises(SourceAbsent):
        processes.open(plugin.pid)
    assert processes.environ(plugin.pid) is None


def test_file_locks(tmp_path: Path) -> None:
    """A lock of our own is in the list, and its file has a path, where the kernel tells inodes."""
    locks = FileLocks(ROOT)
    path = tmp_path / "lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        inode = os.fstat(file.fileno()).st_ino
        ours = [lock for lock in locks.all() if lock.inode == inode]
        assert any(lock.pid == os.getpid() and lock.kind == "FLOCK" for lock in ours)
        info = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text()
        assert locks.path(os.getpid(), inode) == (str(path) if "ino:" in info else "")
    assert locks.path(os.getpid(), 0) == ""
    assert locks.path(1 << 30, inode) == ""
