"""agent.observe.call_waits: the thread that tells most, and the lock that it waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.file_locks import FileLocks
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.model.cni import CallWait, LockHolder, LockWait
from agent.observe.call_waits import read_waits

NOW = 7
LOCKS = """\
1: POSIX  ADVISORY  WRITE 900 00:19:47 0 EOF
2: FLOCK  ADVISORY  WRITE 900 00:19:48 0 EOF
2: -> FLOCK  ADVISORY  WRITE 500 00:19:48 0 EOF
2: -> FLOCK  ADVISORY  WRITE 600 00:19:48 0 EOF
3: FLOCK  ADVISORY  WRITE 901 00:19:49 0 EOF
"""


class Host:
    def __init__(self, top: Path) -> None:
        self.top = top / "proc"
        self.top.mkdir()
        root = HostRoot.at(top)
        self.tasks, self.locks = TaskReader(root), FileLocks(root)

    def thread(self, pid: int, tid: int, state: str, wchan: str = "0", comm: str = "x") -> None:
        task = self.top / f"{pid}/task/{tid}"
        task.mkdir(parents=True)
        tail = " ".join(["0"] * 49)
        (task / "stat").write_text(f"{tid} ({comm}) {state} 1 {tail}\n")
        (task / "wchan").write_text(wchan)

    def descriptor(self, pid: int, number: int, inode: int, path: str) -> None:
        for name in ("fd", "fdinfo"):
            (self.top / f"{pid}/{name}").mkdir(parents=True, exist_ok=True)
        (self.top / f"{pid}/fd/{number}").symlink_to(path)
        (self.top / f"{pid}/fdinfo/{number}").write_text(
            f"pos:\t0\nflags:\t02100000\nmnt_id:\t29\nino:\t{inode}\n"
        )

    def waits(self, *pids: int) -> dict[int, CallWait]:
        return read_waits(self.tasks, self.locks, pids, NOW)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("threads", "tid"),
    [
        ([(500, "S", "do_wait"), (501, "S", "futex_wait_queue")], 500),
        ([(500, "S", "futex_wait_queue"), (501, "S", "locks_lock_inode_wait")], 501),
        ([(500, "S", "do_wait"), (501, "D", "nfs_wait_bit_killable")], 501),
        ([(500, "S", "futex_wait_queue"), (501, "S", "ep_poll")], 500),
        ([(500, "S", "ep_poll"), (501, "R", "0")], 501),
    ],
)
def test_the_thread_that_tells_most(
    host: Host, threads: list[tuple[int, str, str]], tid: int
) -> None:
    """One in state D; else one that waits for something of its own; else the first."""
    for each in threads:
        host.thread(500, *each)
    assert host.waits(500)[500].tid == tid
    assert host.waits(500)[500].boottime_ns == NOW


def test_a_lock(host: Host) -> None:
    """Its file by the descriptor of who waits, and its holder with where that one is."""
    (host.top / "locks").write_text(LOCKS)
    host.thread(500, 500, "S", "locks_lock_inode_wait", "host-local")
    host.descriptor(500, 0, 5, "pipe:[5]")
    host.descriptor(500, 3, 48, "/var/lib/cni/networks/k8s/lock")
    host.thread(600, 600, "S", "locks_lock_inode_wait", "host-local")
    host.thread(900, 900, "S", "futex_wait_queue", "flock")
    host.thread(900, 901, "D", "nfs_wait_bit_killable", "worker")
    found = host.waits(500, 600)
    holder = LockHolder(pid=900, comm="flock", state="D", wchan="nfs_wait_bit_killable")
    assert found[500].lock == LockWait(
        kind="FLOCK", file="/var/lib/cni/networks/k8s/lock", holders=(holder,)
    )
    assert found[600].lock == LockWait(kind="FLOCK", file="0:25:48", holders=(holder,))


def test_what_is_gone(host: Host) -> None:
    """A call that has ended has no wait; a holder that has ended keeps its pid."""
    (host.top / "locks").write_text(LOCKS)
    host.thread(500, 500, "S", "locks_lock_inode_wait")
    found = host.waits(500, 501)
    assert list(found) == [500]
    assert found[500].lock is not None
    assert found[500].lock.holders == (LockHolder(pid=900),)


def test_without_locks(host: Host) -> None:
    """Where they cannot be read, the rest is told."""
    host.thread(500, 500, "S", "locks_lock_inode_wait")
    assert host.waits(500)[500].lock is None
