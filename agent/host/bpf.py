"""bpf(2), BPF_PROG_QUERY: whether programs are attached to an interface by tcx (Linux 6.6)

    attr.query = {target_ifindex, attach_type, ...}; the kernel fills in prog_cnt

The interface is looked up in the network namespace of the calling thread.

bpf(2), include/uapi/linux/bpf.h, kernel/bpf/tcx.c
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence

BPF_PROG_QUERY = 16
BPF_TCX_INGRESS, BPF_TCX_EGRESS = 46, 47
SYSCALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

_QUERY = struct.Struct("=4IQ2I4Q")
_COUNT_AT = 24
_BUFFER = 128
_libc = ctypes.CDLL(None, use_errno=True)


def tcx_programs(ifindex: int) -> int:
    """How many programs there are; 0 as well where the kernel does not know tcx.

    Raises SourceAbsent, VANISHED if there is no such interface.
    """
    return sum(_query(ifindex, attach) for attach in (BPF_TCX_INGRESS, BPF_TCX_EGRESS))


def _query(ifindex: int, attach: int) -> int:
    number = SYSCALLS.get(platform.machine())
    if number is None:
        detail = f"the number of bpf(2) on {platform.machine()} is not known"
        raise SourceAbsent(Absence.UNSUPPORTED, detail)
    attr = _QUERY.pack(ifindex, attach, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    buffer = ctypes.create_string_buffer(attr, _BUFFER)
    if _libc.syscall(number, BPF_PROG_QUERY, buffer, len(attr)) < 0:
        code = ctypes.get_errno()
        if code == errno.EINVAL:  # an attach type from the future
            return 0
        raise SourceAbsent.of(OSError(code, os.strerror(code)), "bpf BPF_PROG_QUERY")
    count: int = struct.unpack_from("=I", buffer.raw, _COUNT_AT)[0]
    return count
