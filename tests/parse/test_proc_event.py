"""agent.parse.proc_event"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.death import ProcessExit
from agent.parse.proc_event import ProcAck, parse_proc_event
from tests.parse.exit_message import exit_message

# Captured on Linux 6.18: the answer to PROC_CN_MCAST_LISTEN with ack 0, and a child's SIGKILL.
ACK = bytes.fromhex(
    "4c00000003000000e0e60000000000000100000001000000e0e600000100000028000000"
    "00000000000000003fe6e0de4d030000000000000000000000000000000000000000000000000000"
)
KILLED = bytes.fromhex(
    "4c00000003000000e3e60000000000000100000001000000e3e600000000000028000000"
    "0000008000000000874801df4d030000f4390000f43900000900000011000000bd390000bd390000"
)
KILLED_AT_NS = 0x034DDF014887


def _parsed(message: bytes) -> ProcessExit | ProcAck | None:
    return parse_proc_event(message, boottime_minus_monotonic_ns=7)


def test_captured() -> None:
    """The time becomes CLOCK_BOOTTIME; the parent is the process, not its thread."""
    assert _parsed(ACK) == ProcAck(ack=1, errno=0)
    assert _parsed(KILLED) == ProcessExit(
        pid=14836,
        parent_pid=14781,
        boottime_ns=KILLED_AT_NS + 7,
        exit_code=None,
        signal=9,
    )


@pytest.mark.parametrize(
    ("status", "exit_code", "signal", "core_dumped"),
    [
        (0, 0, None, False),
        (0x0300, 3, None, False),
        (0xFF00, 255, None, False),
        (15, None, 15, False),
        (0x8B, None, 11, True),
    ],
)
def test_wait_status(
    status: int, exit_code: int | None, signal: int | None, core_dumped: bool
) -> None:
    """exit_code is what wait(2) returns."""
    ended = _parsed(exit_message(829, status=status))
    assert isinstance(ended, ProcessExit)
    assert (ended.exit_code, ended.signal, ended.core_dumped) == (exit_code, signal, core_dumped)


@pytest.mark.parametrize("message", [KILLED[:68], exit_message(14836, status=9, parent=0)])
def test_kernels_that_do_not_tell_the_parent(message: bytes) -> None:
    """Before 4.18 the room of its fields holds zeroes, or is not there."""
    ended = _parsed(len(message).to_bytes(4, "little") + message[4:])
    assert isinstance(ended, ProcessExit)
    assert (ended.pid, ended.signal, ended.parent_pid) == (14836, 9, None)


@pytest.mark.parametrize(
    "message", [exit_message(829, tgid=828), KILLED[:36] + b"\x01\0\0\0" + KILLED[40:]]
)
def test_of_no_interest(message: bytes) -> None:
    """A thread that leads no group, and a fork."""
    assert _parsed(message) is None


@pytest.mark.parametrize(
    "message",
    [b"", KILLED[:52], KILLED[:60], b"\xff" + KILLED[1:], KILLED[:16] + b"\x02" + KILLED[17:]],
)
def test_foreign_or_cut(message: bytes) -> None:
    """Never half an exit."""
    with pytest.raises(ParseError):
        _parsed(message)


@given(st.binary(max_size=120), st.integers(0, 80))
def test_any_bytes(tail: bytes, cut: int) -> None:
    """A value, None or ParseError, whatever stands behind a captured beginning."""
    try:
        event = _parsed(KILLED[:cut] + tail)
    except ParseError:
        return
    assert event is None or isinstance(event, ProcessExit | ProcAck)
