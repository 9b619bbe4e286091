"""NETLINK_SOCK_DIAG, AF_UNIX: one message is one struct unix_diag_msg, and attributes

    01 01 0a 00     family, type, state (of TCP: 10 is LISTEN, 1 ESTABLISHED), padding
    d6260000        inode
    02000000 00000000                                 cookie
    2700 0000 2f72756e2f636f6e7461696e657264 ... 00   UNIX_DIAG_NAME: the path that it is bound to
    0c00 0100 a1030000 15000000                       UNIX_DIAG_VFS: inode and device of its file
    0c00 0400 02000000 80000000                       UNIX_DIAG_RQLEN: two queues

Of a socket that listens the queues are the connections that wait to be accepted and how many may
wait; of a connection, the bytes that were not read, and the memory of what was sent.

https://man7.org/linux/man-pages/man7/sock_diag.7.html, include/uapi/linux/unix_diag.h
"""

from __future__ import annotations

import struct

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable
from agent.parse.netlink import attributes

AF_UNIX = 1
TCP_ESTABLISHED = 1  # include/net/tcp_states.h
TCP_LISTEN = 10

UNIX_DIAG_NAME = 0
UNIX_DIAG_VFS = 1
UNIX_DIAG_RQLEN = 4

_MESSAGE = struct.Struct("=BBBBIII")
_PAIR = struct.Struct("=II")


class UnixSocket(Struct, frozen=True, kw_only=True):
    """One socket. None: the attribute is missing."""

    state: int
    inode: int
    name: str | None = None  # a path, or "@..." for an abstract address
    file: tuple[int, int] | None = None  # inode, lower 32 bits; device as the kernel numbers it
    receive_queue: int | None = None
    send_queue: int | None = None


def parse_unix_diag(payload: bytes) -> UnixSocket:
    """ParseError if it is no unix socket, or cut off."""
    if len(payload) < _MESSAGE.size:
        raise ParseError("unix_diag: a whole unix_diag_msg", payload.hex())
    family, _, state, _, inode, _, _ = _MESSAGE.unpack_from(payload)
    if family != AF_UNIX:
        raise ParseError("unix_diag: AF_UNIX", payload[:16].hex())
    found = attributes(payload, _MESSAGE.size)
    queues = _pair(found.get(UNIX_DIAG_RQLEN))
    return UnixSocket(
        state=state,
        inode=inode,
        name=_name(found.get(UNIX_DIAG_NAME)),
        file=_pair(found.get(UNIX_DIAG_VFS)),
        receive_queue=None if queues is None else queues[0],
        send_queue=None if queues is None else queues[1],
    )


def _pair(data: bytes | None) -> tuple[int, int] | None:
    if data is None:
        return None
    if len(data) < _PAIR.size:
        raise ParseError("unix_diag: two numbers", data.hex())
    first, second = _PAIR.unpack_from(data)
    return int(first), int(second)


def _name(data: bytes | None) -> str | None:
    if data is None:
        return None
    if data.startswith(b"\0"):
        return "@" + printable(data[1:])
    return printable(data.rstrip(b"\0"))
