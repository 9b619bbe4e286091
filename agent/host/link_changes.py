"""Changes of interfaces in the host's namespace, as the kernel tells them to RTNLGRP_LINK

    RTM_NEWLINK  struct ifinfomsg, attributes   it came, or something of it is another
    RTM_DELLINK  struct ifinfomsg, attributes   it is gone, or no bridge's port any more

A bridge tells of its ports in messages of their own (AF_BRIDGE). Messages are counted and not
parsed: what is so now, a dump tells. So no more than their headers is copied. A filter that cut
them off in the kernel would cut them for the listeners after us too, whenever our own buffer is
full (do_one_broadcast, af_netlink.c).

netlink(7), rtnetlink(7), socket(7)
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from typing import Self

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_ROUTE
from agent.host.netlink_listener import host_listener, make_room

RTMGRP_LINK = 0x1  # the bit of RTNLGRP_LINK
SO_MEMINFO = 55  # since Linux 4.12
_MEMINFO = struct.Struct("@9I")
_DROPS_AT = 8  # SK_MEMINFO_DROPS
_HEADER_BYTES = 16  # struct nlmsghdr


class LinkChanges:
    """A listener; its owner closes it. The namespace that it keeps alive is the host's."""

    def __init__(self, namespaces: Namespaces, receive_bytes: int) -> None:
        """`receive_bytes`: of waiting messages, which the kernel doubles for its own; each takes
        some three KiB of it. Raises SourceAbsent.
        """
        self._socket = host_listener(namespaces, NETLINK_ROUTE, "links")
        try:
            make_room(self._socket, receive_bytes)
            self._socket.bind((0, RTMGRP_LINK))  # without an address of its own it hears nothing
        except OSError as error:
            self._socket.close()
            raise SourceAbsent.of(error, "listening to RTNLGRP_LINK") from error

    def fileno(self) -> int:
        """Readable (EPOLLIN) while messages are waiting; EPOLLERR after an overrun."""
        return self._socket.fileno()

    def heard(self, limit: int = 256) -> tuple[int, bool]:
        """How many changes were waiting, up to `limit`, and whether some were lost.

        As many as `limit` mean that there may be more. Raises SourceAbsent.
        """
        changes, lost = 0, False
        for _ in range(limit):
            try:
                _header, (sender, _groups) = self._socket.recvfrom(_HEADER_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise SourceAbsent.of(error, "RTNLGRP_LINK") from error
                lost = True
                continue
            changes += sender == 0  # the kernel; others need only CAP_NET_ADMIN to write to us
        return changes, lost

    def dropped(self) -> int | None:
        """How many messages found no room since we listen, in 32 bits; None: nobody tells."""
        with contextlib.suppress(OSError):
            told = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
            if len(told) == _MEMINFO.size:
                drops: int = _MEMINFO.unpack(told)[_DROPS_AT]
                return drops
        return None

    def close(self) -> None:
        """Listen no more; harmless when repeated."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
