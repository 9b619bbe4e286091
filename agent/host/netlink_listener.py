"""Sockets of netlink that listen: made in the host's namespace, with room for what waits

netlink(7), socket(7)
"""

from __future__ import annotations

import socket

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces

SO_RCVBUFFORCE = 33


def host_listener(namespaces: Namespaces, protocol: int, what: str) -> socket.socket:
    """One that is not bound and does not block, in the network namespace of process 1, which it
    keeps alive. Raises SourceAbsent.
    """
    with (
        namespaces.opened(namespaces.of_process(1)) as fd,
        namespaces.inside(fd),
    ):
        try:
            return socket.socket(
                socket.AF_NETLINK,
                socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
                protocol,
            )
        except OSError as error:
            raise SourceAbsent.of(error, f"netlink socket of {what}") from error


def make_room(listener: socket.socket, receive_bytes: int) -> None:
    """Room for waiting messages, beyond net.core.rmem_max where that is allowed. Raises OSError."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_bytes)
    except PermissionError:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
