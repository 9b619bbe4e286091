"""agent.parse.netlink"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.netlink import attributes, parse_netlink, parse_netlink_error


def message(kind: int, payload: bytes, sequence: int = 1) -> bytes:
    """As the kernel writes it, padded."""
    head = struct.pack("=IHHII", 16 + len(payload), kind, 2, sequence, 0)
    return head + payload + bytes(-len(payload) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """The same for one attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=5))
def test_messages(written: list[tuple[int, bytes]]) -> None:
    """What was put behind one another comes apart again."""
    data = b"".join(message(kind, payload) for kind, payload in written)
    assert [(m.type, m.payload) for m in parse_netlink(data)] == written


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40), max_size=5))
def test_attributes(written: dict[int, bytes]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in written.items())
    assert attributes(data) == written
    assert attributes(b"".join(attribute(0x8000 | k, v) for k, v in written.items())) == written


@given(st.binary(min_size=1, max_size=40), st.integers(1, 40))
def test_cut_off(payload: bytes, cut: int) -> None:
    """Half a message is an error, never a shorter one."""
    whole = message(3, payload)
    short = whole[: -min(cut, len(whole) - 1) - (-len(payload) % 4)]
    if short:
        with pytest.raises(ParseError):
            parse_netlink(short)


def test_error() -> None:
    assert parse_netlink_error(struct.pack("=i", -2)) == 2
    assert parse_netlink_error(struct.pack("=i", 0)) == 0
    with pytest.raises(ParseError):
        parse_netlink_error(b"\0")
