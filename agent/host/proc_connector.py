"""NETLINK_CONNECTOR, CN_IDX_PROC: how processes end, told by the kernel at their exit

One datagram is one event (agent.parse.proc_event). agent.host.exit_filter decides in the kernel
which of them come through.

A request is answered before send(2) returns, or not at all: it is dropped without a word outside
the initial pid and user namespaces and by kernels without CONFIG_PROC_EVENTS. So a connector is
open only once its request was granted.

https://docs.kernel.org/driver-api/connector.html, drivers/connector/cn_proc.c
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import socket
import struct
from collections.abc import Collection
from typing import Self

from agent.host.absence import SourceAbsent
from agent.host.exit_filter import exit_filter
from agent.host.netlink_listener import make_room
from agent.host.proc import ProcReader
from agent.model.absence import Absence, ParseError
from agent.parse.proc_event import (
    CN_IDX_PROC,
    CN_VAL_PROC,
    PROC_EVENT_EXIT,
    ProcAck,
    parse_proc_event,
)

NETLINK_CONNECTOR = 11  # include/uapi/linux/netlink.h
NLMSG_DONE = 3
PROC_CN_MCAST_LISTEN = 1  # enum proc_cn_mcast_op
PROC_CN_MCAST_IGNORE = 2
SO_ATTACH_FILTER = 26

RECEIVE_BYTES = 1 << 20
"""Of waiting messages, which the kernel doubles for its own; each takes some 800 bytes of it."""
_MESSAGE_MAX = 1024
_ANSWERS_MAX = 4096
_REQUEST = struct.Struct("=IHHII IIIIHH I")  # nlmsghdr, cn_msg, enum proc_cn_mcast_op
_EVENT_MASK = struct.Struct("=I")


class ProcConnector:
    """A listener to exits. Its owner closes it."""

    def __init__(self, proc: ProcReader, *, receive_bytes: int = RECEIVE_BYTES) -> None:
        """Listen, and be granted it. Raises SourceAbsent with what to do."""
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, NETLINK_CONNECTOR
            )
        except OSError as error:
            advice = "this kernel has no process connector (CONFIG_CONNECTOR)"
            raise SourceAbsent.of(error, "process connector", advice) from error
        self._listening = False
        try:
            make_room(self._socket, receive_bytes)
            self.follow(())
            self._bind()
            self._listen(proc)
        except BaseException:
            self.close()
            raise

    def follow(self, pids: Collection[int]) -> None:
        """Hear of exits with code 0 of these processes and of their children, in place of those
        that were followed. All other ends are heard of anyway. Raises SourceAbsent.
        """
        program = exit_filter(pids)
        buffer = ctypes.create_string_buffer(program, len(program))
        fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        except OSError as error:
            advice = "raise sysctl net.core.optmem_max" if error.errno == errno.ENOMEM else ""
            raise SourceAbsent.of(error, "process connector: SO_ATTACH_FILTER", advice) from error

    def fileno(self) -> int:
        """Readable (EPOLLIN) while messages are waiting; EPOLLERR after an overrun."""
        return self._socket.fileno()

    def read_batch(self, limit: int = 256) -> tuple[list[bytes], bool]:
        """Up to `limit` messages in order, and whether some were lost before them.

        A full batch means that more may be waiting. Raises SourceAbsent.
        """
        batch: list[bytes] = []
        lost = False
        while len(batch) < limit:
            try:
                message, (sender, _) = self._socket.recvfrom(_MESSAGE_MAX)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise SourceAbsent.of(error, "process connector") from error
                lost = True
                continue
            if sender == 0:  # the kernel; others need only CAP_NET_ADMIN to write to us
                batch.append(message)
        return batch, lost

    def close(self) -> None:
        """Listen no more; harmless when repeated.

        Kernels before 6.6 count listeners by their requests and not by their sockets: without the
        last word, they would make messages for nobody until the next boot.
        """
        if self._socket.fileno() >= 0:
            if self._listening:  # else the last word would be counted against another's first
                with contextlib.suppress(OSError):
                    self._request(PROC_CN_MCAST_IGNORE)
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bind(self) -> None:
        try:
            self._socket.bind((0, 1 << (CN_IDX_PROC - 1)))
        except OSError as error:
            advice = "run the agent as root with CAP_NET_ADMIN"
            raise SourceAbsent.of(error, "process connector", advice) from error

    def _listen(self, proc: ProcReader) -> None:
        try:
            self._listening = True
            ack = self._request(PROC_CN_MCAST_LISTEN)
        except ConnectionRefusedError as error:
            detail = "the agent has a network namespace of its own: set hostNetwork: true"
            raise SourceAbsent(Absence.DENIED, f"process connector: {detail}") from error
        except OSError as error:
            raise SourceAbsent.of(error, "process connector") from error
        granted = self._answer(ack)
        if granted is None:
            proc.check_exit_namespaces()
            detail = "process connector: no answer; this kernel lacks CONFIG_PROC_EVENTS"
            raise SourceAbsent(Absence.UNSUPPORTED, detail)
        if granted != 0:
            advice = "run the agent as root with CAP_NET_ADMIN"
            refusal = OSError(granted, os.strerror(granted))
            raise SourceAbsent.of(refusal, "process connector", advice) from refusal
        # Since 6.6 the kernel does not even queue what is not asked for. Older ones ignore requests
        # of this length; newer ones apply the mask to the answer too, which never comes.
        with contextlib.suppress(OSError):
            self._request(PROC_CN_MCAST_LISTEN, _EVENT_MASK.pack(PROC_EVENT_EXIT))

    def _answer(self, ack: int) -> int | None:
        """The errno of our request's acknowledgement. All listeners hear those of all."""
        for _ in range(_ANSWERS_MAX):
            messages, _lost = self.read_batch(1)
            if not messages:
                return None
            try:
                event = parse_proc_event(messages[0], boottime_minus_monotonic_ns=0)
            except ParseError:
                continue
            if isinstance(event, ProcAck) and event.ack == ack:
                return event.errno
        return None

    def _request(self, operation: int, more: bytes = b"") -> int:
        """Send a request; the `ack` of its answer. Raises OSError."""
        ack = secrets.randbits(31)
        length = _REQUEST.size + len(more)
        request = _REQUEST.pack(
            *(length, NLMSG_DONE, 0, 0, 0),
            *(CN_IDX_PROC, CN_VAL_PROC, 0, ack, 4 + len(more), 0),
            operation,
        )
        self._socket.send(request + more)
        return ack + 1
