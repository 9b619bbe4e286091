"""Netlink sockets of the host's network namespace and of others: dumps and single questions

A socket belongs to the namespace in which its thread was when it was opened, and keeps that
namespace alive: it is opened, used and closed at once. Every rtnetlink request takes the kernel's
rtnl_mutex, behind which a sick node hangs: all of this is for a worker that can be left behind.

rtnetlink is spoken here without pyroute2, which forks to open a socket in another namespace, keeps
each ACK, and takes ten times as long for a dump.

netlink(7)
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from typing import Self, TypeVar

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence, ParseError
from agent.parse.netlink import (
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    error_of,
    message,
    split_messages,
)

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER = 0, 4, 12
NLM_F_REQUEST, NLM_F_ROOT_MATCH = 0x01, 0x300  # NLM_F_DUMP
SO_NETNS_COOKIE = 71  # since Linux 5.14
ANSWER_SECONDS = 5.0
"""The kernel answers in the call itself; only a lost message is waited for."""
_ATTEMPTS = 4
_RECEIVE_BYTES = 1 << 16  # a dump comes in datagrams of 32 KiB at most (netlink_dump, af_netlink.c)
_TIMEVAL = struct.Struct("@ll")

T = TypeVar("T")


class Netlink:
    """One socket in the namespace of the thread that opens it. Its owner closes it soon."""

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        """Raises SourceAbsent."""
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
            )
        except OSError as error:
            raise SourceAbsent.of(error, f"netlink socket {protocol}") from error
        self._sequence = 0
        seconds, rest = divmod(ANSWER_SECONDS, 1)
        timeout = _TIMEVAL.pack(int(seconds), int(rest * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)

    def cookie(self) -> int | None:
        """The number of this namespace, which is never used again; None: the kernel has none."""
        try:
            data = self._socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError:
            return None
        return int.from_bytes(data, sys.byteorder)

    def dump(self, kind: int, body: bytes, parse: Callable[[bytes], T | None]) -> list[T]:
        """All objects of a table, without those for which `parse` says None.

        A dump that a change of the table has spoilt is asked for again. Raises SourceAbsent,
        ParseError.
        """
        for _ in range(_ATTEMPTS):
            found = self._dump(kind, body, parse)
            if found is not None:
                return found
        raise SourceAbsent(Absence.FAILED, f"netlink dump {kind}: it changes faster than it reads")

    def ask(self, kind: int, body: bytes, parse: Callable[[bytes], T]) -> T:
        """One object. Raises SourceAbsent (VANISHED if there is none), ParseError."""
        self._send(kind, NLM_F_REQUEST, body)
        for each in split_messages(self._receive(kind)):
            if each.type == NLMSG_ERROR:
                raise self._error(kind, error_of(each.body))
            return parse(each.body)
        raise ParseError("an answer", b"")

    def close(self) -> None:
        """Close it; harmless when repeated."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _dump(self, kind: int, body: bytes, parse: Callable[[bytes], T | None]) -> list[T] | None:
        self._send(kind, NLM_F_REQUEST | NLM_F_ROOT_MATCH, body)
        found: list[T] = []
        torn = False
        while True:
            for each in split_messages(self._receive(kind)):
                torn |= bool(each.flags & NLM_F_DUMP_INTR)
                if each.sequence != self._sequence:
                    continue
                if each.type in (NLMSG_DONE, NLMSG_ERROR):
                    number = error_of(each.body)
                    if number:
                        raise self._error(kind, number)
                    return None if torn else found
                item = parse(each.body)
                if item is not None:
                    found.append(item)

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        try:
            self._socket.send(message(kind, flags, self._sequence, body))
        except OSError as error:
            raise SourceAbsent.of(error, f"netlink request {kind}") from error

    def _receive(self, kind: int) -> bytes:
        try:
            data, _, flags, _ = self._socket.recvmsg(_RECEIVE_BYTES)
        except OSError as error:
            raise SourceAbsent.of(error, f"netlink request {kind}") from error
        if flags & socket.MSG_TRUNC:
            raise SourceAbsent(Absence.FAILED, f"netlink request {kind}: too long an answer")
        return data

    def _error(self, kind: int, number: int) -> SourceAbsent:
        return SourceAbsent.of(OSError(number, ""), f"netlink request {kind}")
