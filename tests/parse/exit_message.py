"""Messages of the process connector, as the kernel makes them."""

from __future__ import annotations

import struct

from agent.parse.proc_event import HEADER, PROC_EVENT_EXIT


def exit_message(
    pid: int,
    *,
    status: int = 0,
    tgid: int | None = None,
    parent: int = 1,
    what: int = PROC_EVENT_EXIT,
    monotonic_ns: int = 0,
) -> bytes:
    """The exit of a process with a wait(2) status."""
    head = HEADER.pack(76, 3, 0, 0, 0, 1, 1, 0, 0, 40, 0, what, 0, monotonic_ns)
    tgid = pid if tgid is None else tgid
    return head + struct.pack("=6I", pid, tgid, status, 17, parent, parent)
