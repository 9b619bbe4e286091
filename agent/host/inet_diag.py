"""NETLINK_SOCK_DIAG for TCP: the sockets of a network namespace, filtered by the kernel

The kernel answers from its own tables: no process is asked, so one that hangs cannot make it wait.
It walks its whole table of connections for each question, milliseconds on a large node: call it in
a worker.

https://man7.org/linux/man-pages/man7/sock_diag.7.html
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from agent.host.absence import SourceAbsent
from agent.host.netlink import Netlink
from agent.model.absence import Absence
from agent.parse.inet_diag import INET_DIAG_INFO, TcpSocket, parse_inet_diag
from agent.parse.netlink import attribute

SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_REQ_BYTECODE = 1
MAX_SOCKETS = 20_000
"""That pass the filter."""

_REQUEST = struct.Struct("=BBBBI48x")  # inet_diag_req_v2 with an inet_diag_sockid that is not read


def dump_tcp(asking: Netlink, states: Iterable[int], code: bytes) -> tuple[TcpSocket, ...]:
    """IPv4 and IPv6 sockets in these states (agent.parse.inet_diag) that pass a filter
    (agent.host.inet_filter), in the namespace of `asking`.

    Raises SourceAbsent: UNSUPPORTED where the kernel has no inet_diag, FAILED with EINVAL where it
    does not know the filter; ParseError.
    """
    mask = sum(1 << state for state in states)
    seen = 0

    def parse(message: bytes) -> TcpSocket:
        nonlocal seen
        seen += 1
        if seen > MAX_SOCKETS:
            raise SourceAbsent(Absence.FAILED, f"sock_diag: more than {MAX_SOCKETS} TCP sockets")
        return parse_inet_diag(message)

    told: list[TcpSocket] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        info = 1 << (INET_DIAG_INFO - 1)
        body = _REQUEST.pack(family, socket.IPPROTO_TCP, info, 0, mask)
        if code:
            body += attribute(INET_DIAG_REQ_BYTECODE, code)
        try:
            told += asking.dump(SOCK_DIAG_BY_FAMILY, body, parse)
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:  # ENOENT: no module answers for it
                detail = "this kernel has no inet_diag (CONFIG_INET_TCP_DIAG)"
                raise SourceAbsent(Absence.UNSUPPORTED, detail) from error
            raise
    return tuple(told)
