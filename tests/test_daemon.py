"""The state directory at the start: only another agent forbids ours, a sick disk does not."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from agent import daemon
from agent.engine.refusal import Refusal
from agent.state.directory import StateDirectory


def test_a_directory_that_can_be_had_is_locked(tmp_path: Path) -> None:
    """It is made, and is ours until it is closed."""
    found = daemon._open_state(tmp_path / "state")
    assert isinstance(found, StateDirectory)
    with found, pytest.raises(Refusal):
        daemon._open_state(tmp_path / "state")
    again = daemon._open_state(tmp_path / "state")
    assert isinstance(again, StateDirectory)
    again.close()


def test_the_directory_of_another_agent_is_refused(tmp_path: Path) -> None:
    """The refusal names the pid that holds it, and what to do."""
    with (
        StateDirectory.open(tmp_path),
        pytest.raises(Refusal, match=rf"pid {os.getpid()}\).*--set state\.directory="),
    ):
        daemon._open_state(tmp_path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/state", "Not a directory"),
        ("file", "File exists"),
        ("loop/state", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_made_is_a_reason(tmp_path: Path, path: str, reason: str) -> None:
    """The agent runs without a journal and says why; it does not end."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    found = daemon._open_state(tmp_path / path)
    assert found == f"{tmp_path / path}: {reason}; events are kept in memory only"


def test_a_disk_that_hangs_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline the agent goes on without; the thread that hangs is left behind."""
    released, ended = threading.Event(), threading.Event()

    def hang(path: Path) -> StateDirectory:
        released.wait()
        ended.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(StateDirectory, "open", hang)
    monkeypatch.setattr(daemon, "STATE_SECONDS", 0.01)
    try:
        found = daemon._open_state(tmp_path)
    finally:
        released.set()
    assert found == f"{tmp_path}: the disk did not answer in 0.01 s; restart when it does"
    assert ended.wait(10)
