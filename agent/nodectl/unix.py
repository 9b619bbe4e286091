"""The door of the node itself: the agent's unix socket, for root and its group."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.nodectl.door import Options, import_grpc
from agent.nodectl.exits import NoAgentError, no_agent, timed_out

if TYPE_CHECKING:
    import grpc


class UnixDoor(Struct, frozen=True):
    """The socket at this path."""

    path: str

    def probe(self, timeout_seconds: float) -> None:
        """Tells ENOENT from ECONNREFUSED from EACCES, to all of which gRPC says UNAVAILABLE."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            tried.settimeout(timeout_seconds)
            try:
                tried.connect(self.path)
            except TimeoutError:
                raise self.no_agent(*timed_out(timeout_seconds)) from None
            except OSError as error:
                raise self.no_agent(*_connect_failed(error)) from None

    def channel(self, options: Options) -> grpc.Channel:
        """A plain channel: the file system has let us in."""
        target = "unix:" + _uri_path(os.path.abspath(self.path))
        channel: grpc.Channel = import_grpc().insecure_channel(
            target, options=(*options, ("grpc.default_authority", "localhost"))
        )
        return channel

    def no_agent(self, found: str, causes: tuple[str, ...]) -> NoAgentError:
        """Names the path."""
        return no_agent(self.path, found, causes, tuple(_advice()))


def _advice() -> Iterator[str]:
    yield "systemctl status nodewitness      (or the nodewitness pod of this node)"
    # Of the tree that this nodectl is of: on a node it needs neither its pod nor the runtime.
    beside = os.path.join(sys.prefix, "bin/nodewitness")
    if os.access(beside, os.X_OK):
        yield f"{beside} run  (as root: here and now, without pod or runtime)"
    yield "make run                          (in a clone, to try it)"
    yield "nodectl --socket PATH             (or NODEWITNESS_SOCKET) if its socket is elsewhere"


def _connect_failed(error: OSError) -> tuple[str, tuple[str, ...]]:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "there is no socket", (
                "the agent is not running on this node",
                "its socket is elsewhere (agent.sock below another run directory)",
            )
        case errno.ECONNREFUSED:
            return "the socket is there and nobody listens (connection refused)", (
                "a stale socket: the agent was killed and has not come back",
            )
        case errno.EACCES | errno.EPERM:
            return "permission denied", (
                "only root and members of the group nodewitness may connect: try sudo nodectl",
            )
        case errno.EAGAIN:
            return "its backlog is full", ("the agent is stopped or hangs",)
        case _:
            return error.strerror or str(error), ("this path is not a socket of the agent",)


def _uri_path(path: str) -> str:
    """The path as gRPC's URI parser wants it: percent-encoded UTF-8."""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
    return "".join(chr(b) if b in safe else f"%{b:02X}" for b in os.fsencode(path))
