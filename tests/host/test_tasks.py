"""agent.host.tasks: threads of this machine and of captured ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.clock import HostClock
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.model.absence import Absence
from tests.host.this_host import HOST, eater
from tests.parse.test_proc_waits import STACK

READER = TaskReader(HOST)


def captured(tmp_path: Path, pid: int, tid: int, **files: bytes) -> TaskReader:
    directory = tmp_path / "proc" / str(pid) / "task" / str(tid)
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return TaskReader(HostRoot.at(tmp_path))


def stat(tid: int, state: str, start: int = 5412) -> bytes:
    line = f"{tid} (work) {state} 812 829 829 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 {start} 1\n"
    return line.encode()


def test_ourselves() -> None:
    """This thread is among ours, and runs."""
    pid = os.getpid()
    assert pid in READER.threads(pid)
    task = READER.task(pid, pid)
    assert (task.pid, task.tid, task.state, task.wchan) == (pid, pid, "R", "")


def test_a_blocked_task(tmp_path: Path) -> None:
    """Captured while its file system was suspended."""
    reader = captured(
        tmp_path, 434, 440, stat=stat(440, "D"), wchan=b"folio_wait_bit_common", stack=STACK
    )
    task = reader.with_stack(reader.task(434, 440))
    assert (task.pid, task.tid, task.comm, task.state) == (434, 440, "work", "D")
    assert task.wchan == "folio_wait_bit_common"
    assert task.stack[4] == "ext4_sync_file+0xfd/0x370 [ext4]"
    assert task.unread == ""


def test_half_a_task(tmp_path: Path) -> None:
    """Who it is and its state are told without wchan and stack."""
    reader = captured(tmp_path, 434, 434, stat=stat(434, "D"), stack=b"garbage\n")
    task = reader.with_stack(reader.task(434, 434))
    assert (task.wchan, task.stack) == ("", ())
    assert task.unread.startswith("expected stack")


def test_a_stack_that_is_denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reader = captured(tmp_path, 434, 434, stat=stat(434, "D"))
    task = reader.task(434, 434)
    assert "No such file" in reader.with_stack(task).unread

    def denied(path: object) -> bytes:
        raise SourceAbsent(Absence.DENIED, f"{path}: Permission denied")

    monkeypatch.setattr("agent.host.tasks.read_file", denied)
    assert reader.with_stack(task).unread == "reading kernel stacks needs CAP_SYS_ADMIN"


def test_lives() -> None:
    """Not as a zombie, not once reaped, and not as another that has got its pid."""
    now = HostClock().boottime_ns
    with eater() as child:
        assert READER.lives(child.pid, started_before_ns=now())
        assert not READER.lives(child.pid, started_before_ns=0)
        child.kill()
        child.wait()
        assert not READER.lives(child.pid, started_before_ns=now())
        child.reap()
        assert not READER.lives(child.pid, started_before_ns=now())


def test_lives_without_its_leader(tmp_path: Path) -> None:
    """A zombie leader with a thread in state D: the process is not dead."""
    captured(tmp_path, 434, 434, stat=stat(434, "Z"))
    reader = captured(tmp_path, 434, 440, stat=stat(440, "D"))
    assert reader.lives(434, started_before_ns=10**18)
    captured(tmp_path, 434, 440, stat=stat(440, "X"))
    assert not reader.lives(434, started_before_ns=10**18)
