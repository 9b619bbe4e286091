"""NETLINK_SOCK_DIAG for unix sockets: what waits in their queues

The kernel answers from its own tables: no process is asked, so one that hangs cannot make it wait.
It answers for the network namespace of the asker. Call it in a worker all the same, for a node can
have tens of thousands of sockets.

https://man7.org/linux/man-pages/man7/sock_diag.7.html
"""

from __future__ import annotations

import errno
import socket
import struct

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.parse.netlink import NLMSG_DONE, NLMSG_ERROR, parse_netlink, parse_netlink_error
from agent.parse.unix_diag import AF_UNIX, UnixSocket, parse_unix_diag

NETLINK_SOCK_DIAG = 4  # include/uapi/linux/netlink.h
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
UDIAG_SHOW = 0x01 | 0x02 | 0x10  # NAME, VFS, RQLEN

RECEIVE_BYTES = 1 << 16
ANSWER_SECONDS = 1.0
MAX_SOCKETS = 200_000

_REQUEST = struct.Struct("=IHHII BBHIIIII")  # nlmsghdr, unix_diag_req
_SEQUENCE = 1


def dump_unix_sockets(state: int) -> tuple[UnixSocket, ...]:
    """All unix sockets in one state (agent.parse.unix_diag) of our network namespace.

    Raises SourceAbsent: UNSUPPORTED where the kernel has no unix_diag; ParseError.
    """
    try:
        asking = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)
    except OSError as error:
        raise SourceAbsent.of(error, "sock_diag") from error
    with asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.send(_request(state))
            return _answer(asking)
        except OSError as error:
            raise SourceAbsent.of(error, "sock_diag") from error


def _request(state: int) -> bytes:
    return _REQUEST.pack(
        *(_REQUEST.size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, _SEQUENCE, 0),
        *(AF_UNIX, 0, 0, 1 << state, 0, UDIAG_SHOW, 0xFFFFFFFF, 0xFFFFFFFF),
    )


def _answer(asking: socket.socket) -> tuple[UnixSocket, ...]:
    found: list[UnixSocket] = []
    while len(found) < MAX_SOCKETS:
        for message in parse_netlink(asking.recv(RECEIVE_BYTES)):
            if message.type == NLMSG_DONE:
                return tuple(found)
            if message.type == NLMSG_ERROR:
                raise _refused(parse_netlink_error(message.payload))
            if message.type == SOCK_DIAG_BY_FAMILY:
                found.append(parse_unix_diag(message.payload))
    raise SourceAbsent(Absence.FAILED, f"sock_diag: more than {MAX_SOCKETS} unix sockets")


def _refused(number: int) -> SourceAbsent:
    if number == errno.ENOENT:  # no module answers for this family (sock_diag_lock_handler)
        detail = "this kernel has no unix_diag (CONFIG_UNIX_DIAG)"
        return SourceAbsent(Absence.UNSUPPORTED, detail)
    return SourceAbsent.of(OSError(number, ""), "sock_diag")
