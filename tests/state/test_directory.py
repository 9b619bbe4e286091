from __future__ import annotations

import os
import threading
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from agent.state import directory
from agent.state.directory import StateDirectory, StateLocked, real_path


def _hold(path: Path, pipe: Connection) -> None:
    with StateDirectory.open(path):
        pipe.send(os.getpid())
        pipe.recv()


def test_it_is_made_private(tmp_path: Path) -> None:
    """A directory that is missing is made, with its parents; one that is open to all is closed."""
    path = tmp_path / "a" / "b"
    with StateDirectory.open(path) as directory:
        assert path.stat().st_mode & 0o777 == 0o700
        assert directory.journal == path / "journal.db"
    path.chmod(0o755)
    with StateDirectory.open(path):
        assert path.stat().st_mode & 0o777 == 0o700


def test_second_agent(tmp_path: Path) -> None:
    """A second process is told who holds the directory, and what to do; it gets it afterwards."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold, args=(tmp_path, theirs))
    holder.start()
    try:
        pid = ours.recv()
        with pytest.raises(StateLocked, match=rf"pid {pid}\).*--set state\.directory=") as caught:
            StateDirectory.open(tmp_path)
        assert (caught.value.pid, caught.value.path) == (pid, tmp_path)
    finally:
        holder.kill()
        holder.join()
    with StateDirectory.open(tmp_path):
        assert int((tmp_path / "lock").read_text()) == os.getpid()


def test_released_on_close(tmp_path: Path) -> None:
    """After close the directory can be had again; closing twice is no error."""
    first = StateDirectory.open(tmp_path)
    with pytest.raises(StateLocked):
        StateDirectory.open(tmp_path)
    first.close()
    first.close()
    StateDirectory.open(tmp_path).close()


def test_lock_without_pid(tmp_path: Path) -> None:
    """A holder whose pid could not be written (a full disk) is still a holder."""
    with StateDirectory.open(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(StateLocked, match="did not leave its pid") as caught:
            StateDirectory.open(tmp_path)
    assert caught.value.pid is None


def test_lock_is_no_link(tmp_path: Path) -> None:
    """A lock that is a symbolic link is not followed."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        StateDirectory.open(tmp_path)


def test_real_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are followed, where they lead somewhere and the disk answers."""
    (tmp_path / "link").symlink_to("state")
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "link/x") == tmp_path / "state/x"
    assert real_path(tmp_path / "loop") == tmp_path / "loop"
    released = threading.Event()
    monkeypatch.setattr(Path, "resolve", lambda path: released.wait() and path)
    monkeypatch.setattr(directory, "RESOLVE_SECONDS", 0.01)
    try:
        assert real_path(tmp_path / "link/../y") == tmp_path / "y"
    finally:
        released.set()
