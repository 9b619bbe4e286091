"""The eater and its parent's handle on it. Nothing here is killed for memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.drill import eater
from agent.drill.child import Eater
from agent.drill.kernel_hops import now_ns

_SECONDS = 30.0


def test_eater_that_is_not_killed_says_so() -> None:
    """It eats all it may, stamps each step, and ends with a status of its own."""
    before = now_ns()
    child = Eater(1 << 20, comm="drill-test")
    try:
        child.go()
        death = child.wait(_SECONDS)
    finally:
        child.close()
    assert death is not None
    assert death.status == eater.NOT_KILLED
    assert not death.by_sigkill
    assert death.eaten_bytes == (1 << 20) - eater.STEP_BYTES
    assert before < death.last_step_ns < death.boottime_ns < now_ns()


def test_eater_waits_and_is_killed_by_close() -> None:
    """Without a go it eats nothing; close kills and reaps it, and may be repeated."""
    child = Eater(1 << 20, comm="drill-test")
    assert child.wait(0.0) is None
    child.close()
    child.close()
    assert not os.path.exists(f"/proc/{child.pid}")


def test_eater_that_is_ready_has_its_name_and_score() -> None:
    """Its name is its own in the kernel's log, and it is the first to be killed."""
    child = Eater(1 << 20, comm="drill-0123abcd")
    try:
        assert child.ready(_SECONDS)
        process = Path(f"/proc/{child.pid}")
        assert (process / "comm").read_text() == "drill-0123abcd\n"
        assert (process / "oom_score_adj").read_text() == "1000\n"
    finally:
        child.close()


def test_eater_that_cannot_start_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that ends at once is noticed at once."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    child = Eater(1 << 20, comm="drill-test")
    try:
        assert not child.ready(_SECONDS)
    finally:
        child.close()


def test_eater_whose_parent_dies_before_the_go_ends() -> None:
    """The pipe's end is the end."""
    child = Eater(1 << 20, comm="drill-test")
    os.close(child._go)
    child._go = -1
    death = child.wait(_SECONDS)
    child.close()
    assert death is not None
    assert (death.status, death.last_step_ns) == (0, 0)


def test_eater_whose_parent_dies_while_it_eats_is_killed() -> None:
    """From the go on the kernel itself watches the pipe: no step of the eater is needed."""
    script = (
        "import signal, sys; from agent.drill import eater\n"
        "assert eater._die_with_parent(0); print('armed', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"armed\n"
        process.stdin.close()
        assert process.wait(_SECONDS) == -signal.SIGKILL


def test_arming_after_the_parents_death_is_noticed() -> None:
    """The end that came before anybody watched is seen too."""
    read, write = os.pipe()
    os.close(write)
    try:
        assert not eater._die_with_parent(read)
    finally:
        os.close(read)
