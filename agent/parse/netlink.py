"""Netlink: messages of one datagram, and their attributes

    struct nlmsghdr  length:u32 type:u16 flags:u16 sequence:u32 port:u32, then the body
    struct nlattr    length:u16 type:u16, then the value; all of it aligned to four bytes

https://docs.kernel.org/userspace-api/netlink/intro.html
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from agent.model.absence import ParseError
from agent.parse.names import printable

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_MULTI = 0x02
NLM_F_DUMP_INTR = 0x10

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INT = struct.Struct("=i")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_unpack_attribute = _ATTRIBUTE.unpack_from


class Message(NamedTuple):
    """One message; `body` is what follows its header."""

    type: int
    flags: int
    sequence: int
    body: bytes


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A message as the kernel takes it."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + b"\0" * (-size % 4)


def split_messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. Raises ParseError on half a message."""
    offset = 0
    while offset < len(data):
        if len(data) - offset < _HEADER.size:
            raise ParseError("a whole nlmsghdr", data[offset:])
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            raise ParseError("a whole netlink message", data[offset : offset + _HEADER.size])
        yield Message(kind, flags, sequence, data[offset + _HEADER.size : offset + length])
        offset += length + (-length % 4)


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """The attributes from `offset` on by type, the last of each. Raises ParseError on half one."""
    found: dict[int, bytes] = {}
    end = len(data)
    while end - offset >= 4:  # attribute_list in a loop of its own: this is the hot path
        length, kind = _unpack_attribute(data, offset)
        if length < 4 or offset + length > end:
            raise ParseError("a whole nlattr", data[offset : offset + 4])
        found[kind & _TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def attribute_list(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """All of them in order, as lists of nftables need it. Raises ParseError on half one."""
    end = len(data)
    while end - offset >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > end:
            raise ParseError("a whole nlattr", data[offset : offset + _ATTRIBUTE.size])
        yield kind & _TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def error_of(body: bytes) -> int:
    """The errno of an NLMSG_ERROR, or of the end of a dump; 0: it went well. Raises ParseError."""
    if not body:
        return 0
    if len(body) < _INT.size:
        raise ParseError("an error number", body)
    number: int = -_INT.unpack_from(body)[0]
    return number


def unsigned(value: bytes | None, expected: str) -> int | None:
    """A number of one, two, four or eight bytes in the host's order. Raises ParseError."""
    if value is None:
        return None
    if len(value) not in (1, 2, 4, 8):
        raise ParseError(expected, value)
    return int.from_bytes(value, sys.byteorder)


def signed(value: bytes | None, expected: str) -> int | None:
    """The same for a number of four bytes with a sign."""
    if value is None:
        return None
    if len(value) != _INT.size:
        raise ParseError(expected, value)
    number: int = _INT.unpack(value)[0]
    return number


def text(value: bytes | None) -> str:
    """A string that ends with a zero; safe to print."""
    return "" if value is None else printable(value.split(b"\0", 1)[0])


def address(value: bytes) -> str:
    """An IPv4 or IPv6 address by its length. Raises ParseError."""
    if len(value) == 4:
        return socket.inet_ntop(socket.AF_INET, value)
    if len(value) == 16:
        return socket.inet_ntop(socket.AF_INET6, value)
    raise ParseError("an address of 4 or 16 bytes", value)
