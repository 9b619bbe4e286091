"""agent.observe.kubelet, against a process of this machine that is called so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.kubelet import KubeletFinder
from agent.host.proc import ProcReader
from agent.host.runtime_process import RuntimeProcesses
from agent.host.tasks import TaskReader
from agent.observe.kubelet import KubeletSight
from agent.observe.threads import blocked_threads
from tests.host.this_host import HOST


@pytest.fixture
def kubelet(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It waits for its standard input."""
    program = shutil.which("cat")
    assert program is not None
    (tmp_path / "kubelet").symlink_to(program)
    process = subprocess.Popen(
        [tmp_path / "kubelet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"x")  # once it answers, it has been executed
    process.stdin.flush()
    assert process.stdout.read(1) == b"x"
    yield process
    process.kill()
    process.communicate()


def test_process(kubelet: subprocess.Popen[bytes]) -> None:
    """By its pid, and else by its name, if it is searched for; a zombie is none."""
    proc = ProcReader(HOST)
    sight = KubeletSight(KubeletFinder(HOST, proc), RuntimeProcesses(HOST, proc), TaskReader(HOST))
    seen = sight.look(kubelet.pid, search=False, threads=True)
    assert seen is not None
    assert (seen.key.pid, seen.comm, seen.blocked) == (kubelet.pid, "kubelet", ())
    assert sight.look(None, search=False, threads=False) is None
    assert sight.look(1, search=True, threads=False) is not None
    kubelet.kill()
    kubelet.wait()
    assert sight.look(kubelet.pid, search=False, threads=False) is None


def test_threads_of_nobody() -> None:
    """A process that is gone has none."""
    assert blocked_threads(TaskReader(HOST), 2**22 + 1) == ()
