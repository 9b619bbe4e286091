"""The sockets that the agent listens on: a unix socket for gRPC, TCP for /metrics (and, by gRPC
itself, for gRPC).

gRPC tells a server nothing about who is at the other end of a unix socket (no SO_PEERCRED; its
"local" credentials check no user either), so the file system is the whole access control: the
directory is 0750 root:GROUP and the socket 0660 root:GROUP. gRPC binds the socket itself and would
take the place of a live agent without a word, hence the question before.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.config import EVERYWHERE, Address

log = logging.getLogger(__name__)

_DIRECTORY_MODE = 0o750
_SOCKET_MODE = 0o660
_BACKLOG = 64


class ServeError(Exception):
    """Cannot listen; the message names the key of the configuration to change."""


def listen(address: Address) -> socket.socket:
    """A listening TCP socket, owned by the caller; raises ServeError.

    `[::]` takes IPv4 as well. `localhost` is 127.0.0.1: no resolver is asked.
    """
    try:
        return _bound(address)
    except OSError as error:
        raise ServeError(
            f"cannot serve metrics on {address}: {_reason(error)}; change serve.metrics_address "
            "(empty: no metrics)"
        ) from error


def refused_address(
    address: Address, key: str = "serve.grpc_address", without: str = "no TCP"
) -> ServeError:
    """Why gRPC, which does not tell, could not listen there: found by trying the same."""
    reason = "gRPC could not listen there"
    try:
        _bound(address).close()
    except OSError as error:
        reason = _reason(error)
    return ServeError(f"cannot serve gRPC on {address}: {reason}; change {key} (empty: {without})")


def _bound(address: Address) -> socket.socket:
    dualstack = address.host == EVERYWHERE and socket.has_dualstack_ipv6()
    host = {"localhost": "127.0.0.1"}.get(address.host, address.host)
    if host == EVERYWHERE and not dualstack:  # booted with ipv6.disable=1
        host = "0.0.0.0"
    return socket.create_server(
        (host, address.port),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        backlog=_BACKLOG,
        dualstack_ipv6=dualstack,
    )


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another process listens there"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return "this host does not have that address"
        case errno.EACCES | errno.EPERM:
            return "ports below 1024 need CAP_NET_BIND_SERVICE"
        case _:
            return os.strerror(error.errno) if error.errno else str(error)


@contextlib.contextmanager
def place_for_socket(path: Path, group: str) -> Iterator[None]:
    """Make ready for a bind of `path` in the body, then give the socket its owner and mode.

    Creates the directory, removes the socket of a dead agent, and raises ServeError if a live one
    answers there or the place cannot be used. In the body the umask keeps everyone else out; it is
    the whole process's, so the body must not await.
    """
    gid = _gid(group)
    try:
        _prepare_directory(path, gid)
        _remove_stale(path)
        umask = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(umask)
        _give(path, gid)
        path.chmod(_SOCKET_MODE)
    except OSError as error:
        raise ServeError(
            f"cannot use {path} for the API: {error.strerror}; change serve.socket"
        ) from error


def _gid(group: str) -> int | None:
    if not group:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        log.info("no group %s on this host: only root may use the API", group)
        return None


def _prepare_directory(path: Path, gid: int | None) -> None:
    directory = path.parent
    try:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True)
    except FileExistsError:
        # Made by systemd, the kubelet or a user. It is tightened if it is for our socket alone;
        # else it is not ours to change, and the mode of the socket guards.
        found = directory.stat()
        alone = all(name == path.name for name in os.listdir(directory))
        if not alone or found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX:
            return
    _give(directory, gid)
    directory.chmod(_DIRECTORY_MODE)


def _give(path: Path, gid: int | None) -> None:
    if gid is None:
        return
    try:
        os.chown(path, -1, gid)
    except PermissionError:
        log.warning("cannot give %s to the group of serve.socket_group: not root", path)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ServeError(f"{path} exists and is no socket: remove it, or change serve.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog is EAGAIN, and means that someone has it open
        refused = probe.connect_ex(os.fspath(path))
    if refused == errno.ECONNREFUSED:
        log.info("removing %s, which a dead agent left behind", path)
        path.unlink()
    elif refused != errno.ENOENT:
        raise ServeError(
            f"another agent answers on {path}: stop it, or give this one a serve.socket and a "
            "state.directory of its own"
        )
