"""`nodewitness uninstall` where nothing of the kernel is touched: that is the lab's to show."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent import uninstall
from agent.main import main
from agent.state.directory import StateDirectory


class Host:
    """A state directory and a socket's place, and a kernel that holds nothing."""

    def __init__(self, tmp_path: Path) -> None:
        self.state = tmp_path / "state"
        self.run = tmp_path / "run"
        self.socket = self.run / "agent.sock"

    def install(self) -> None:
        """What an agent leaves that has ended."""
        with StateDirectory.open(self.state) as directory:
            directory.journal.write_bytes(b"")
        self.run.mkdir()
        self.listen().close()

    def listen(self) -> socket.socket:
        self.socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.fspath(self.socket))
        listener.listen()
        return listener

    def uninstall(self, *words: str) -> Result:
        pairs = (f"state.directory={self.state}", f"serve.socket={self.socket}")
        sets = [word for pair in pairs for word in ("--set", pair)]
        return CliRunner().invoke(main, ["uninstall", *sets, *words])


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(uninstall, "_tracing", lambda root: iter(()))
    monkeypatch.setattr(uninstall, "_scratch_cgroups", lambda root: iter(()))
    return Host(tmp_path)


def test_each_thing_is_said_and_a_repetition_says_nothing(host: Host) -> None:
    """The journal stays until it is asked for, and then all is gone."""
    host.install()
    found = host.uninstall()
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        f"removed  {host.socket}",
        f"removed  {host.run}",
        f"left     {host.state}: the journal; `nodewitness uninstall --state` removes it",
    ]
    assert (host.state / "journal.db").exists()
    found = host.uninstall("--state")
    assert found.stdout.splitlines() == [f"removed  {host.state}"]
    assert not host.state.exists()
    found = host.uninstall("--state")
    assert (found.exit_code, found.output) == (0, "")


def test_refused_while_an_agent_owns_the_state(host: Host) -> None:
    """Nothing is removed; the pid and what to do are said."""
    host.install()
    with StateDirectory.open(host.state):
        found = host.uninstall("--state")
    assert (found.exit_code, found.stdout) == (1, "")
    assert f"pid {os.getpid()}" in found.stderr
    assert "stop it first" in found.stderr
    assert host.socket.exists()
    assert (host.state / "journal.db").exists()


def test_refused_while_an_agent_answers(host: Host) -> None:
    """Also one that runs without a state directory."""
    host.install()
    with host.listen():
        found = host.uninstall("--state")
    assert (found.exit_code, found.stdout) == (1, "")
    assert f"an agent answers on {host.socket}" in found.stderr
    assert host.state.exists()


def test_what_is_not_ours_stays(host: Host) -> None:
    """A state directory with strangers in it, a place of the socket that is none."""
    host.install()
    (host.state / "thesis.txt").write_text("x")
    (host.run / "other.sock").write_text("x")
    host.socket.unlink()
    host.socket.write_text("x")
    lines = host.uninstall("--state").stdout.splitlines()
    assert lines == [
        f"left     {host.socket}: no socket",
        f"left     {host.state}: it holds what is not ours (thesis.txt)",
    ]
    assert (host.state / "journal.db").exists()
