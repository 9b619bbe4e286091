"""NETLINK_SOCK_DIAG, TCP: which local port a socket has, and who is at the other end

    struct inet_diag_req_v2  family protocol=6 ext pad states:u32, then a struct inet_diag_sockid
    struct inet_diag_msg     family state timer retrans, then a struct inet_diag_sockid, ...
    struct inet_diag_sockid  sport:be16 dport:be16 src:16 dst:16 if:u32 cookie:2*u32

sock_diag(7), include/uapi/linux/inet_diag.h
"""

from __future__ import annotations

import struct

from agent.model.absence import ParseError
from agent.parse.netlink import address

SOCK_DIAG_BY_FAMILY = 20
IPPROTO_TCP = 6
AF_INET, AF_INET6 = 2, 10
CONNECTED = 0xFFF & ~(1 << 7 | 1 << 10)
"""All states of TCP but CLOSE and LISTEN."""
_REQUEST = struct.Struct("=BBBxI48x")
_MESSAGE = struct.Struct("=4B2s2s16s16s")

Peer = tuple[str, str, int]
"""The local address, and the address and port of the other end: two sockets with the same need
different local ports.
"""


def request(family: int) -> bytes:
    """All sockets of TCP that have another end."""
    return _REQUEST.pack(family, IPPROTO_TCP, 0, CONNECTED)


def parse_connection(body: bytes) -> tuple[int, Peer]:
    """The local port of one, and its peer. Raises ParseError."""
    if len(body) < _MESSAGE.size:
        raise ParseError("an inet_diag_msg", body)
    family, _, _, _, sport, dport, source, destination = _MESSAGE.unpack_from(body)
    size = 4 if family == AF_INET else 16
    peer = address(source[:size]), address(destination[:size]), int.from_bytes(dport, "big")
    return int.from_bytes(sport, "big"), peer
