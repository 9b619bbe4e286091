"""The real agent and the real nodectl on the machine that runs the tests, as `make run` has it.

Cgroup v2, v1 or hybrid, whatever it is. All that it leaves is in a scratch directory, and removed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.this_host import missing

SECONDS = 60


class HostAgent:
    """`nodewitness run` with everything of its own: state, socket, port."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.socket = directory / "run/agent.sock"
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        self.settings = [
            *("--set", f"state.directory={directory / 'state'}"),
            *("--set", f"serve.socket={self.socket}"),
            *("--set", f"serve.metrics_address=127.0.0.1:{port}"),
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.main", "run", *self.settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def opening(self) -> str:
        """What it says until it can be asked: the line of its journal is the last."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("  journal  "):
                return "".join(lines)
        raise AssertionError(f"it has ended: {lines}")

    def nodectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "agent.nodectl.main", "--socket", str(self.socket)]
        return subprocess.run(
            [*argv, "--timeout", f"{SECONDS}s", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * SECONDS,
            check=False,
        )

    def uninstall(self) -> str:
        argv = [sys.executable, "-m", "agent.main", "uninstall", "--state", *self.settings]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=True)
        return done.stdout

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


def cgroup_mode() -> str:
    """As systemd mounts them: v2 alone, v2 beside v1 controllers, or v1 alone."""
    mounted = Path("/sys/fs/cgroup")
    if (mounted / "cgroup.controllers").exists():
        return "v2"
    return "hybrid" if (mounted / "unified/cgroup.procs").exists() else "v1"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[HostAgent]:
    if os.geteuid() != 0:
        missing("the agent needs root")
    found = HostAgent(tmp_path)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.communicate()


def test_drill_is_seen_by_every_hop(agent: HostAgent) -> None:
    """It says what it sees; a real kill is in the ledger, in nodectl and in /metrics; it goes
    without a trace.
    """
    opening = agent.opening()
    assert f" · cgroup {cgroup_mode()} · " in opening
    assert "  sees     " in opening
    assert "vmstat" in opening
    assert f"  socket   {agent.socket}" in opening

    drill = agent.nodectl(
        "drill", "oom", "--wait", f"{SECONDS}s", "--metrics", agent.metrics, "-o", "json"
    )
    assert drill.returncode == 0, drill.stdout + drill.stderr
    report = json.loads(drill.stdout)
    assert report["passed"]

    told = agent.nodectl("oom", "-o", "json")
    assert told.returncode == 0, told.stderr
    drills = [one for one in json.loads(told.stdout)["incidents"] if one.get("drill")]
    assert any(str(report["pid"]) in json.dumps(one["victims"]) for one in drills)

    with urllib.request.urlopen(agent.metrics, timeout=SECONDS) as answer:
        page = answer.read().decode()
    counted = re.search(r"^nodewitness_oom_drill_kills_total (\S+)$", page, re.MULTILINE)
    assert counted
    assert float(counted[1]) >= 1  # the kernel's log may tell of drills before it
    assert "nodewitness_oom_books_balanced 1.0" in page.splitlines()

    assert agent.stop() == 0
    removed = agent.uninstall()
    assert "trace instance" in removed or "journal" in removed
    assert not agent.socket.exists()
    assert not (agent.socket.parent.parent / "state").exists()
