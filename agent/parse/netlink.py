"""One datagram of a netlink socket: messages behind one another

    68000000 1400 0200 01000000 a1070000    struct nlmsghdr: len, type, flags, seq, pid
    ...                                     payload, padded to four bytes
    14000000 0300 0200 01000000 a1070000    NLMSG_DONE ends a dump

A payload's attributes stand behind its fixed part in the same way: struct nlattr has a length and
a type, 16 bits each. All is native.

https://docs.kernel.org/userspace-api/netlink/intro.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from agent.model.absence import ParseError

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLA_TYPE_MASK = 0x3FFF

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlinkMessage:
    type: int
    sequence: int
    payload: bytes


def parse_netlink(datagram: bytes) -> tuple[NetlinkMessage, ...]:
    """The messages in order; ParseError if one is cut off."""
    found = []
    at = 0
    while at < len(datagram):
        if len(datagram) - at < _HEADER.size:
            raise ParseError("netlink: a whole nlmsghdr", datagram[at:].hex())
        length, kind, _, sequence, _ = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or length > len(datagram) - at:
            raise ParseError("netlink: a whole message", datagram[at : at + 64].hex())
        payload = datagram[at + _HEADER.size : at + length]
        found.append(NetlinkMessage(type=kind, sequence=sequence, payload=payload))
        at += (length + 3) & ~3
    return tuple(found)


def parse_netlink_error(payload: bytes) -> int:
    """The errno of an NLMSG_ERROR, or of a dump that ended badly; 0: none."""
    if len(payload) < _ERROR.size:
        raise ParseError("netlink: an errno", payload.hex())
    (number,) = _ERROR.unpack_from(payload)
    return -int(number)


def attributes(data: bytes) -> dict[int, bytes]:
    """By type; of two of one type the last. ParseError if one is cut off."""
    found = {}
    at = 0
    while at < len(data):
        if len(data) - at < _ATTRIBUTE.size:
            raise ParseError("netlink: a whole nlattr", data[at:].hex())
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or length > len(data) - at:
            raise ParseError("netlink: a whole attribute", data[at : at + 64].hex())
        found[kind & NLA_TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found
