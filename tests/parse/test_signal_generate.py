"""agent.parse.signal_generate"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.death import SignalSent
from agent.parse.names import printable
from agent.parse.signal_generate import parse_signal, without_losses
from agent.parse.trace_event import split_records

# Captured on Linux 6.18.
BY_KERNEL = (
    b" python3-17384   [001] d..2.  4831.662698: signal_generate: sig=9 errno=0 code=128"
    b" comm=python3 pid=17384 grp=1 res=0"
)
BY_SHELL = (
    b"    bash-17373   [000] d..1.  4831.677189: signal_generate: sig=9 errno=0 code=0"
    b" comm=bash pid=17427 grp=1 res=0\n"
)
LOST = b"CPU:1 [LOST 12 EVENTS]\n"
_WORDS = [b" pid=1", b" grp=0", b" res=1", b"comm=", b"-1 [000]", b" 1.0: ", b"\n", b"sig=9", b" "]
COMM = st.one_of(st.binary(max_size=15), st.lists(st.sampled_from(_WORDS)).map(b"".join)).map(
    lambda name: name[:15].replace(b"\0", b"x")
)


def _record(task: bytes, comm: bytes) -> bytes:
    return task.rjust(16) + (
        b"-77      [001] d..1.     7.311843: signal_generate: sig=15 errno=0 code=-6 comm=%b"
        b" pid=829 grp=0 res=1" % comm
    )


def test_captured() -> None:
    """Who sent what to whom; the kernel itself is known by its code."""
    assert parse_signal(BY_SHELL) == SignalSent(
        boottime_ns=4_831_677_189_000,
        signal=9,
        code=0,
        sender_pid=17373,
        sender_comm="bash",
        target_pid=17427,
        target_comm="bash",
        to_group=True,
        delivered=True,
    )
    by_kernel = parse_signal(BY_KERNEL)
    assert by_kernel is not None
    assert (by_kernel.code, by_kernel.target_pid) == (128, 17384)


@given(task=COMM, comm=COMM)
def test_hostile_names(task: bytes, comm: bytes) -> None:
    """Whatever sender and target are called, the numbers are the kernel's."""
    sent = parse_signal(_record(task, comm))
    assert sent is not None
    assert (sent.signal, sent.code, sent.sender_pid, sent.target_pid) == (15, -6, 77, 829)
    assert (sent.to_group, sent.delivered) == (False, False)
    assert sent.sender_comm == printable(task.lstrip(b" "))
    assert sent.target_comm == printable(comm)


@given(st.lists(st.tuples(COMM, COMM), min_size=1, max_size=4))
def test_one_record_a_signal(names: list[tuple[bytes, bytes]]) -> None:
    """Newlines in names make and hide no signal, nor do the marks of losses between them."""
    text = LOST + b"".join(_record(*pair) + b"\n" + LOST for pair in names)
    records, last = split_records(without_losses(text))
    sent = [parse_signal(record) for record in (*records, last.removesuffix(b"\n"))]
    assert [s.target_comm for s in sent if s] == [printable(comm) for _, comm in names]


@pytest.mark.parametrize("record", [b"", LOST, b"  a-1 [000] d..1. 7.311843: mark_victim: pid=1"])
def test_no_signal(record: bytes) -> None:
    """Another event, or none."""
    assert parse_signal(record) is None


@pytest.mark.parametrize(
    "payload", [b"", b"sig=9", b"sig=x errno=0 code=0 comm=a pid=1 grp=1 res=0"]
)
def test_unknown_payload(payload: bytes) -> None:
    """A known event of unknown form is an error."""
    with pytest.raises(ParseError):
        parse_signal(b"  work-1 [000] d..1. 7.311843: signal_generate: " + payload)
