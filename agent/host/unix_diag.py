"""NETLINK_SOCK_DIAG for unix sockets: what waits in their queues

The kernel answers from its own tables: no process is asked, so one that hangs cannot make it wait.
It answers for the network namespace of the asker. Call it in a worker all the same, for a node can
have tens of thousands of sockets.

https://man7.org/linux/man-pages/man7/sock_diag.7.html
"""

from __future__ import annotations

import struct

from agent.host.absence import SourceAbsent
from agent.host.netlink import NETLINK_SOCK_DIAG, Netlink
from agent.model.absence import Absence
from agent.parse.unix_diag import AF_UNIX, UnixSocket, parse_unix_diag

SOCK_DIAG_BY_FAMILY = 20
UDIAG_SHOW = 0x01 | 0x02 | 0x10  # NAME, VFS, RQLEN
MAX_SOCKETS = 200_000

_REQUEST = struct.Struct("=BBHIIIII")  # unix_diag_req


def dump_unix_sockets(state: int) -> tuple[UnixSocket, ...]:
    """All unix sockets in one state (agent.parse.unix_diag) of our network namespace.

    Raises SourceAbsent: UNSUPPORTED where the kernel has no unix_diag; ParseError.
    """
    body = _REQUEST.pack(AF_UNIX, 0, 0, 1 << state, 0, UDIAG_SHOW, 0xFFFFFFFF, 0xFFFFFFFF)
    kept = 0

    def parse(message: bytes) -> UnixSocket:
        nonlocal kept
        kept += 1
        if kept > MAX_SOCKETS:
            detail = f"sock_diag: more than {MAX_SOCKETS} unix sockets"
            raise SourceAbsent(Absence.FAILED, detail)
        return parse_unix_diag(message)

    with Netlink(NETLINK_SOCK_DIAG) as asking:
        try:
            return tuple(asking.dump(SOCK_DIAG_BY_FAMILY, body, parse))
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:  # ENOENT: no module answers for the family
                detail = "this kernel has no unix_diag (CONFIG_UNIX_DIAG)"
                raise SourceAbsent(Absence.UNSUPPORTED, detail) from error
            raise
