"""Commits to nftables in the host's namespace, as the kernel tells them to NFNLGRP_NFTABLES

A commit of 50,000 rules sends as many messages; a filter in the kernel lets through that of its end
alone (NFT_MSG_NEWGEN), which names the process.

netlink(7), include/uapi/linux/netfilter/nfnetlink.h
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER
from agent.host.netlink_listener import host_listener
from agent.model.absence import ParseError
from agent.model.plumbing import RuleChange
from agent.parse.netlink import split_messages
from agent.parse.nft_generation import NFT_MSG_NEWGEN, parse_generation
from agent.parse.nft_rule import NFNL_SUBSYS_NFTABLES

SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
NFNLGRP_NFTABLES = 7
SO_ATTACH_FILTER = 26
NEWGEN = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN
MAX_MESSAGES = 4096
"""Of one look: a program may commit as fast as it likes."""
_TYPE_AT = 4  # in struct nlmsghdr
_LD_H_ABS, _JEQ_K, _RET_K = 0x28, 0x15, 0x06  # include/uapi/linux/bpf_common.h
_MESSAGE_BYTES = 8192


def newgen_filter() -> bytes:
    """The program, as an array of struct sock_filter: BPF loads are big-endian, the type native."""
    loaded = int.from_bytes(NEWGEN.to_bytes(2, sys.byteorder), "big")
    program = (
        (_LD_H_ABS, 0, 0, _TYPE_AT),
        (_JEQ_K, 0, 1, loaded),
        (_RET_K, 0, 0, 0xFFFFFFFF),
        (_RET_K, 0, 0, 0),
    )
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


class NftChanges:
    """A listener; its owner closes it. The namespace that it keeps alive is the host's."""

    def __init__(self, namespaces: Namespaces) -> None:
        """Raises SourceAbsent."""
        program = newgen_filter()
        buffer = ctypes.create_string_buffer(program, len(program))
        fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
        self._socket = host_listener(namespaces, NETLINK_NETFILTER, "netfilter")
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
            # Without an address of its own it has port 0, which is whom a multicast of the kernel
            # leaves out when it leaves out nobody (exclude_portid, net/netlink/af_netlink.c).
            self._socket.bind((0, 0))
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        except OSError as error:
            self._socket.close()
            raise SourceAbsent.of(error, "listening to NFNLGRP_NFTABLES") from error

    def heard(self, boottime_ns: int) -> tuple[list[RuleChange], bool]:
        """Commits since the last call, and whether some were missed. Raises SourceAbsent."""
        changes: list[RuleChange] = []
        for _ in range(MAX_MESSAGES):
            try:
                data = self._socket.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return changes, False
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    return changes, True
                raise SourceAbsent.of(error, "NFNLGRP_NFTABLES") from error
            try:
                changes += [
                    parse_generation(each.body, boottime_ns)
                    for each in split_messages(data)
                    if each.type == NEWGEN
                ]
            except ParseError:
                return changes, True
        return changes, False

    def close(self) -> None:
        """Close it; harmless when repeated."""
        self._socket.close()
