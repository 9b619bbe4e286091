"""The console script: exit codes as a shell sees them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.nodectl.exits import Exit
from tests.nodectl import examples
from tests.nodectl.fake_agent import FakeAgent, head, watched


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent.nodectl.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], Exit.OK),
        (["drill", "-h"], Exit.OK),
        (["nonsense"], Exit.USAGE),
        ([], Exit.USAGE),
        (["--socket", "/nowhere/agent.sock", "status"], Exit.NO_AGENT),
    ],
)
def test_exit_codes(arguments: list[str], code: Exit) -> None:
    """Help is no error; a mistake is 2; a missing agent is 3, and no traceback."""
    with _start(*arguments) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err


def test_a_finding_is_1(agent: FakeAgent) -> None:
    """What a command decides reaches the shell."""
    agent.status.status.oom.balanced = False
    with _start("--socket", str(agent.path), "status") as process:
        process.communicate(timeout=60)
    assert process.returncode == Exit.FINDING


def test_ctrl_c_is_no_finding(tmp_path: Path) -> None:
    """Giving up on an agent that does not answer is 130, not 1."""
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        with _start("--socket", path, "--timeout", "60s", "status") as process:
            probe, _ = silent.accept()  # the plain connect that tries the socket
            call, _ = silent.accept()  # gRPC's
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            probe.close()
            call.close()
    assert process.returncode == Exit.INTERRUPTED
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["oom", "status", "events"])
def test_terminal_that_cannot_hold_a_name(agent: FakeAgent, command: str) -> None:
    """Without UTF-8 nothing fails: a name is shown somehow, never a traceback."""
    name = "p\N{LATIN SMALL LETTER O WITH DIAERESIS}d"
    kill = examples.hidden_kill(pod=name)
    agent.incidents.incidents[0].CopyFrom(kill)
    agent.status.status.identity.node = name
    agent.head, agent.streams = head(4), [[watched(examples.event(4, oom_recorded=kill))]]
    with subprocess.Popen(
        [sys.executable, "-m", "agent.nodectl.main", "--socket", str(agent.path), command],
        stdout=subprocess.PIPE,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/bin"},
    ) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == Exit.OK
    assert name.encode() in out or b"p\\xf6d" in out
