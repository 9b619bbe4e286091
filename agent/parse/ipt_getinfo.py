"""IPT_SO_GET_INFO: how large one table of iptables-legacy is

    struct ipt_getinfo  name:32s valid_hooks:u32 hook_entry:5*u32 underflow:5*u32
                        num_entries:u32 size:u32

`num_entries` counts rules, the policies of chains, and two for the head of each chain of a user.
The same of IPv6.

include/uapi/linux/netfilter_ipv4/ip_tables.h
"""

from __future__ import annotations

import struct

from agent.model.absence import ParseError

IPT_SO_GET_INFO = 64  # IP6T_SO_GET_INFO too
_NAME_BYTES = 32
_FORM = struct.Struct("=32sI5I5III")
GETINFO_BYTES = _FORM.size


def request(table: bytes) -> bytes:
    """The structure that the kernel fills. The name has at most 31 bytes."""
    return _FORM.pack(table[: _NAME_BYTES - 1], *(0,) * 13)


def parse_getinfo(data: bytes) -> int:
    """num_entries. Raises ParseError."""
    if len(data) != _FORM.size:
        raise ParseError("a struct ipt_getinfo", data)
    entries: int = _FORM.unpack(data)[-2]
    return entries
