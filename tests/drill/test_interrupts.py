"""The first signal ends the drill, none ends the cleaning up."""

from __future__ import annotations

import os
import signal

import pytest

from agent.drill.interrupts import Interrupted, Interrupts


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_signal_interrupts_and_the_next_do_not(signum: signal.Signals) -> None:
    """Someone who hits Ctrl-C again and again does not stop the cleaning up."""
    before = signal.getsignal(signum)
    with Interrupts():
        with pytest.raises(Interrupted, match=signum.name) as caught:
            os.kill(os.getpid(), signum)
        assert caught.value.signum == signum
        os.kill(os.getpid(), signum)
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signum) == before


def test_held_signal_comes_at_the_end_of_the_block() -> None:
    """What is made in the block is noted before the signal is raised."""
    noted = []

    def make(interrupts: Interrupts) -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            noted.append("made")
        noted.append("never")

    with Interrupts() as interrupts, pytest.raises(Interrupted):
        make(interrupts)
    assert noted == ["made"]


def test_hold_ends_interruptions() -> None:
    """After the story's end a signal changes nothing."""
    with Interrupts() as interrupts:
        interrupts.hold()
        os.kill(os.getpid(), signal.SIGINT)
