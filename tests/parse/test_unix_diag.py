"""agent.parse.unix_diag"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.netlink import attribute
from agent.parse.unix_diag import (
    TCP_ESTABLISHED,
    TCP_LISTEN,
    UNIX_DIAG_NAME,
    UNIX_DIAG_RQLEN,
    UNIX_DIAG_VFS,
    UnixSocket,
    parse_unix_diag,
)

PATH = b"/run/containerd/containerd.sock"


def socket(*attributes: bytes, state: int = TCP_LISTEN, family: int = 1) -> bytes:
    """One struct unix_diag_msg and what follows it."""
    return struct.pack("=BBBBIII", family, 1, state, 0, 9942, 2, 0) + b"".join(attributes)


LISTENER = socket(
    attribute(UNIX_DIAG_NAME, PATH + b"\0"),
    attribute(UNIX_DIAG_VFS, struct.pack("=II", 931, 21)),
    attribute(UNIX_DIAG_RQLEN, struct.pack("=II", 2, 4096)),
)


def test_listener() -> None:
    """Its path, its file, and its two queues."""
    assert parse_unix_diag(LISTENER) == UnixSocket(
        state=TCP_LISTEN,
        inode=9942,
        name=PATH.decode(),
        file=(931, 21),
        receive_queue=2,
        send_queue=4096,
    )


def test_nameless() -> None:
    """What is missing is not known."""
    bare = parse_unix_diag(socket(state=TCP_ESTABLISHED))
    assert bare == UnixSocket(state=TCP_ESTABLISHED, inode=9942)


@given(st.binary(min_size=1, max_size=60))
def test_names(name: bytes) -> None:
    """Any name is printable; an abstract one begins with @."""
    found = parse_unix_diag(socket(attribute(UNIX_DIAG_NAME, name))).name
    assert found is not None
    assert found.isprintable()
    assert found.startswith("@") == (name[:1] in (b"\0", b"@"))


def test_others() -> None:
    with pytest.raises(ParseError):
        parse_unix_diag(socket(family=2))
    with pytest.raises(ParseError):
        parse_unix_diag(socket(attribute(UNIX_DIAG_RQLEN, b"\1\0")))
