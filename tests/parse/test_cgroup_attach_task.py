"""cgroup:cgroup_attach_task, whose path a container may choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.lineage import Moved
from agent.parse.cgroup_attach_task import parse_attach
from agent.parse.names import printable
from agent.parse.trace_event import TraceEvent, parse_event

PATH = st.binary(max_size=60).map(lambda name: b"/" + name.replace(b"\n", b"_"))
COMM = st.binary(max_size=15)
TRICKS = st.lists(
    st.sampled_from([b" pid=1 comm=", b" comm=x", b"pid=7", b"/", b" ", b"y"]), max_size=5
).map(b"".join)


def event(payload: bytes) -> TraceEvent:
    return TraceEvent(6687, 138_709_660, b"cgroup_attach_task", payload)


def payload(path: bytes, pid: int, comm: bytes) -> bytes:
    return b"dst_root=0 dst_id=29412 dst_level=4 dst_path=%s pid=%d comm=%s" % (path, pid, comm)


def test_captured() -> None:
    """As Linux 6.1 prints it."""
    found = parse_event(
        b"              sh-6687    [001] dN.1.   138.709660: cgroup_attach_task: dst_root=0"
        b" dst_id=29412 dst_level=4 dst_path=/kubepods/burstable/podflight/f99 pid=6687"
        b" comm=python3\n"
    )
    assert found is not None
    assert parse_attach(found) == [
        Moved(138_709_660, 6687, 29412, "/kubepods/burstable/podflight/f99")
    ]


@given(path=PATH | TRICKS.map(lambda t: b"/" + t), pid=st.integers(1, 1 << 22), comm=COMM | TRICKS)
def test_no_name_is_believed_for_a_pid(path: bytes, pid: int, comm: bytes) -> None:
    """The true pid is always among those told, and a wrong one has no cgroup."""
    comm = comm[:15]
    found = parse_attach(event(payload(path, pid, comm)))
    assert pid in {moved.pid for moved in found}
    if len(found) == 1:
        assert found[0] == Moved(138_709_660, pid, 29412, printable(path))
    else:
        assert {(moved.inode, moved.path) for moved in found} == {(0, "")}


def test_path_that_imitates_the_rest() -> None:
    """A cgroup called "x pid=1 comm=init" moves nobody else; where all that follows is short enough
    to be a comm, nothing is believed.
    """
    assert parse_attach(event(payload(b"/x pid=1 comm=init", 6687, b"sh"))) == [
        Moved(138_709_660, 6687, 29412, "/x pid=1 comm=init")
    ]
    assert parse_attach(event(payload(b"/x pid=1 comm=", 66, b"a"))) == [
        Moved(138_709_660, 1, 0, ""),
        Moved(138_709_660, 66, 0, ""),
    ]


@pytest.mark.parametrize(
    "text",
    [b"", b"dst_root=0 dst_id=1 dst_level=1 dst_path=a pid=1 comm=b", b"dst_root=0 dst_id=1"],
)
def test_unknown_form(text: bytes) -> None:
    """A form that we do not know is an error, not a guess."""
    with pytest.raises(ParseError, match="cgroup_attach_task"):
        parse_attach(event(text))
