"""task:task_newtask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.lineage import Forked
from agent.parse.task_newtask import parse_newtask
from agent.parse.trace_event import TraceEvent, parse_event

COMM = st.binary(max_size=15)


def event(payload: bytes) -> TraceEvent:
    return TraceEvent(1, 138_938_364, b"task_newtask", payload)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            (
                b"          bash-1147    [000] .....    33.914372: task_newtask: pid=1160 comm=bash"
                b" clone_flags=1200000 oom_score_adj=0\n"
            ),
            Forked(33_914_372, 1147, 1160, thread=False, elsewhere=False),
        ),
        (
            b"      containerd-311     [001] .....    35.1: ",
            None,
        ),
        (
            (
                b"      containerd-311     [001] .....    35.100001: task_newtask: pid=1201"
                b" comm=containerd clone_flags=3d0f00 oom_score_adj=-999"
            ),
            Forked(35_100_001, 311, 1201, thread=True, elsewhere=False),
        ),
        (
            (
                b"         systemd-1       [001] .....    35.100002: task_newtask: pid=1202"
                b" comm=systemd clone_flags=200004100 oom_score_adj=100"
            ),
            Forked(35_100_002, 1, 1202, thread=False, elsewhere=True),
        ),
    ],
)
def test_lines(line: bytes, expected: Forked | None) -> None:
    """Parent, child, and what the flags of clone(2) say."""
    found = parse_event(line)
    assert (None if found is None else parse_newtask(found)) == expected


@given(pid=st.integers(1, 1 << 22), comm=COMM, flags=st.integers(0, (1 << 34) - 1))
def test_any_comm(pid: int, comm: bytes, flags: int) -> None:
    """Whatever a comm holds, neither the child nor the flags change."""
    found = parse_newtask(
        event(b"pid=%d comm=%s clone_flags=%x oom_score_adj=-5" % (pid, comm, flags))
    )
    assert found.child == pid
    assert (found.thread, found.elsewhere) == (bool(flags & 1 << 16), bool(flags >> 33))


@pytest.mark.parametrize(
    "payload", [b"", b"pid=1 comm=a", b"pid=x comm=a clone_flags=1 oom_score_adj=0"]
)
def test_unknown_form(payload: bytes) -> None:
    """A form that we do not know is an error, not a guess."""
    with pytest.raises(ParseError, match="task_newtask"):
        parse_newtask(event(payload))
