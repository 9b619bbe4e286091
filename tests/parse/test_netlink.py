"""agent.parse.netlink."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.netlink import (
    Message,
    address,
    attribute,
    attribute_list,
    attributes,
    error_of,
    message,
    signed,
    split_messages,
    text,
    unsigned,
)
from tests.parse.captured_text import hostile

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
kinds = st.integers(0, 0x3FFF)
values = st.binary(max_size=64)


@given(st.lists(st.tuples(u16, u16, u32, values)))
def test_messages_come_back(sent: list[tuple[int, int, int, bytes]]) -> None:
    """Whatever follows a message is found, wherever its padding ends."""
    data = b""
    for kind, flags, sequence, body in sent:
        one = message(kind, flags, sequence, body)
        data += one + b"\0" * (-len(one) % 4)
    assert list(split_messages(data)) == [Message(*each) for each in sent]


@given(st.lists(st.tuples(kinds, values)))
def test_attributes_come_back(sent: list[tuple[int, bytes]]) -> None:
    """In order, and by type the last of each."""
    data = b"".join(attribute(kind, value) for kind, value in sent)
    assert list(attribute_list(data)) == sent
    assert attributes(data) == dict(sent)


@given(st.lists(st.tuples(kinds, values), min_size=1), st.data())
def test_half_an_attribute(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """What is cut off is an error, or is no attribute at all."""
    whole = b"".join(attribute(kind, value) for kind, value in sent)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        found = list(attribute_list(cut))
    except ParseError:
        return
    assert found == sent[: len(found)]


def test_flags_of_a_type_are_no_part_of_it() -> None:
    """NLA_F_NESTED and NLA_F_NET_BYTEORDER."""
    assert attributes(attribute(0x8000 | 18, b"")) == attributes(attribute(0x4000 | 18, b""))


@pytest.mark.parametrize("data", [b"\x10", message(1, 0, 0, b"x")[:-1], b"\x03\0\0\0" + b"\0" * 12])
def test_half_a_message(data: bytes) -> None:
    with pytest.raises(ParseError, match="whole"):
        list(split_messages(data))


def test_numbers() -> None:
    assert unsigned(None, "x") is None
    assert unsigned(b"\x01", "x") == 1
    assert signed(b"\xff\xff\xff\xff", "x") == -1
    for parse in (unsigned, signed):
        with pytest.raises(ParseError, match="a number"):
            parse(b"\0\0\0", "a number")


def test_texts_and_addresses() -> None:
    assert (text(None), text(b"eth0\0junk"), text(b"a\nb")) == ("", "eth0", r"a\x0ab")
    assert address(b"\x0a\x58\x00\x05") == "10.88.0.5"
    assert address(bytes(15) + b"\x01") == "::1"
    with pytest.raises(ParseError, match="4 or 16"):
        address(b"\0")


def test_errors() -> None:
    assert error_of(b"") == error_of(bytes(4)) == 0
    assert error_of((-19).to_bytes(4, "little", signed=True)) == 19
    with pytest.raises(ParseError):
        error_of(b"\0")


@given(values, st.integers(1, 80))
def test_cut_off(body: bytes, cut: int) -> None:
    """Half a message is an error, never a shorter one, whatever stands before it."""
    whole = message(3, 2, 1, body)
    short = whole[: -min(cut, len(whole) - 1)]
    first = message(20, 2, 1, bytes(4))
    with pytest.raises(ParseError, match="whole"):
        list(split_messages(first + short))


@given(hostile(message(20, 2, 1, attribute(0, b"/run/x\0") + attribute(4, bytes(8)))))
def test_garbage(data: bytes) -> None:
    """It is read, or it is a ParseError."""
    for parse in (lambda data: list(split_messages(data)), attributes, error_of):
        try:
            parse(data)
        except ParseError as error:
            assert str(error)  # noqa: PT017 - the message must be printable, whatever was read
