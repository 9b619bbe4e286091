"""NETLINK_CONNECTOR, CN_IDX_PROC: one message is one struct proc_event

    4c000000 0300 0000 00000000 00000000    struct nlmsghdr: len, type, flags, seq, pid
    01000000 01000000 e3e60000 00000000     struct cn_msg: idx, val, seq, ack,
    2800 0000                               len, flags
    00000080 00000000 874801df4d030000      struct proc_event: what, cpu, timestamp_ns,
    f4390000 f4390000 09000000 11000000     exit: process_pid, process_tgid, exit_code, exit_signal,
    bd390000 bd390000                       parent_pid, parent_tgid (since Linux 4.18, b086ff87251b)

All fields are native. exit_code is what wait(2) returns; timestamp_ns is CLOCK_MONOTONIC. The
acknowledgement of a request has what = PROC_EVENT_NONE, the request's ack + 1 (not its seq, which
is overwritten), and an errno where the exit has its pid.

https://docs.kernel.org/driver-api/connector.html, include/uapi/linux/cn_proc.h
"""

from __future__ import annotations

import struct

from msgspec import Struct

from agent.model.absence import ParseError
from agent.model.death import ProcessExit

CN_IDX_PROC = 1
CN_VAL_PROC = 1
PROC_EVENT_NONE = 0x00000000
PROC_EVENT_EXIT = 0x80000000

HEADER = struct.Struct("=IHHII IIIIHH II Q")
"""struct nlmsghdr, struct cn_msg, and struct proc_event up to its union."""
_ACK = struct.Struct("=I")
_EXIT = struct.Struct("=IIII")
_PARENT = struct.Struct("=II")


class ProcAck(Struct, frozen=True, kw_only=True):
    """The kernel's answer to a request."""

    ack: int  # that of the request, plus one
    errno: int  # 0: granted


def parse_proc_event(
    message: bytes, *, boottime_minus_monotonic_ns: int = 0
) -> ProcessExit | ProcAck | None:
    """One datagram; None for events of another kind and for exits of threads that lead no group.

    With the default, `boottime_ns` is CLOCK_MONOTONIC still.

    ParseError if it is no message of the process connector, or cut off.
    """
    if len(message) < HEADER.size + _ACK.size:
        raise ParseError("proc_event: nlmsghdr, cn_msg and proc_event", message.hex())
    fields = HEADER.unpack_from(message)
    length, index, value, ack, what = (fields[n] for n in (0, 5, 6, 8, 11))
    if (index, value) != (CN_IDX_PROC, CN_VAL_PROC) or length > len(message):
        raise ParseError("proc_event: CN_IDX_PROC, CN_VAL_PROC and a whole message", message.hex())
    if what == PROC_EVENT_NONE:
        return ProcAck(ack=ack, errno=_ACK.unpack_from(message, HEADER.size)[0])
    if what != PROC_EVENT_EXIT:
        return None
    if len(message) < HEADER.size + _EXIT.size:
        raise ParseError("proc_event: an exit of 16 bytes at least", message.hex())
    pid, tgid, status, _ = _EXIT.unpack_from(message, HEADER.size)
    if pid != tgid:
        return None
    parent = 0
    if len(message) >= HEADER.size + _EXIT.size + _PARENT.size:
        _, parent = _PARENT.unpack_from(message, HEADER.size + _EXIT.size)
    signal = status & 0x7F
    return ProcessExit(
        pid=pid,
        parent_pid=parent or None,  # zeroes where kernels before 4.18 have other events' room
        boottime_ns=fields[13] + boottime_minus_monotonic_ns,
        exit_code=None if signal else status >> 8 & 0xFF,
        signal=signal or None,
        core_dumped=bool(status & 0x80),
    )
