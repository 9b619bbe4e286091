"""NETLINK_SOCK_DIAG, TCP: one message is one struct inet_diag_msg, and attributes

    02 01 01 03       family, state (1 ESTABLISHED, 2 SYN-SENT), timer (1: retransmits), retransmits
    a3c4 192b         source port, destination port: 41924 to 6443, in the network's order
    0a4d0001 ...      source and destination address, 16 bytes each
    00000000          interface
    02100000 00000000 cookie: of no other socket of this boot
    d0070000          expires: milliseconds until the timer
    00000000 5b000000 receive queue; send queue: bytes that are not acknowledged, unsent ones too
    00000000 5c360000 uid, inode of the socket
    6c01 0200 ...     INET_DIAG_INFO: struct tcp_info
    0c00 1500 ...     INET_DIAG_CGROUP_ID: of the cgroup that the socket was made in (since 5.8)

https://man7.org/linux/man-pages/man7/sock_diag.7.html,
include/uapi/linux/inet_diag.h, include/uapi/linux/tcp.h
"""

from __future__ import annotations

import socket
import struct

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.netlink import attributes

TCP_ESTABLISHED = 1  # include/net/tcp_states.h
TCP_SYN_SENT = 2
TCP_LISTEN = 10
INET_DIAG_INFO = 2

_MESSAGE = struct.Struct("=BBBB2s2s16s16s4sQ5I")
_INFO = struct.Struct("=8B24I")  # as far as tcpi_total_retrans: since Linux 2.6.12
_PORT = struct.Struct(">H")
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:10.0.0.1


class TcpInfo(Struct, frozen=True, kw_only=True):
    """struct tcp_info, as far as it is asked for here."""

    retransmits: int  # in a row, of what is not acknowledged
    probes: int  # of a window that is closed, in a row
    backoff: int  # how often the timeout was doubled
    rto_us: int  # doubled so often
    unacked: int  # segments
    since_sent_ms: int  # data, retransmits included
    since_received_ms: int  # data
    since_acked_ms: int  # an acknowledgement
    rtt_us: int
    total_retransmits: int


class TcpSocket(Struct, frozen=True, kw_only=True):
    """One socket. info is None of one that the kernel tells nothing more of."""

    state: int
    local: tuple[str, int]
    remote: tuple[str, int]
    cookie: int
    inode: int
    send_queue: int
    receive_queue: int = 0
    info: TcpInfo | None = None


def parse_inet_diag(payload: bytes) -> TcpSocket:
    """ParseError if it is no internet socket, or cut off."""
    if len(payload) < _MESSAGE.size:
        raise ParseError("inet_diag: a whole inet_diag_msg", payload.hex())
    (family, state, _, _, sport, dport, source, destination, _, cookie, *rest) = (
        _MESSAGE.unpack_from(payload)
    )
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise ParseError("inet_diag: AF_INET or AF_INET6", payload[:16].hex())
    _, receive_queue, send_queue, _, inode = rest
    data = attributes(payload, _MESSAGE.size).get(INET_DIAG_INFO)
    return TcpSocket(
        state=state,
        local=(_address(family, source), _PORT.unpack(sport)[0]),
        remote=(_address(family, destination), _PORT.unpack(dport)[0]),
        cookie=cookie,
        inode=inode,
        send_queue=send_queue,
        receive_queue=receive_queue,
        info=None if data is None else _info(data),
    )


def _address(family: int, data: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[:4])
    if data.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, data[12:])
    return socket.inet_ntop(socket.AF_INET6, data)


def _info(data: bytes) -> TcpInfo:
    if len(data) < _INFO.size:
        raise ParseError("inet_diag: a whole tcp_info", data.hex())
    told = _INFO.unpack_from(data)
    words = told[8:]
    return TcpInfo(
        retransmits=told[2],
        probes=told[3],
        backoff=told[4],
        rto_us=words[0],
        unacked=words[4],
        since_sent_ms=words[9],
        since_received_ms=words[11],
        since_acked_ms=words[12],
        rtt_us=words[15],
        total_retransmits=words[23],
    )
