"""nftables: who has committed a change

    NFT_MSG_NEWGEN   struct nfgenmsg, NFTA_GEN_ID=812 NFTA_GEN_PROC_PID=4711 NFTA_GEN_PROC_NAME=nft

Sent to the group NFNLGRP_NFTABLES in a datagram of its own after each commit (nf_tables_gen_notify,
net/netfilter/nf_tables_api.c). All numbers are in network order.

include/uapi/linux/netfilter/nf_tables.h
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.plumbing import RuleChange
from agent.parse.netlink import attributes, text
from agent.parse.nft_rule import NFGENMSG

NFT_MSG_NEWGEN = 15


def parse_generation(body: bytes, boottime_ns: int) -> RuleChange:
    """One NFT_MSG_NEWGEN, heard at this time. Raises ParseError."""
    if len(body) < NFGENMSG.size:
        raise ParseError("an nfgenmsg", body)
    found = attributes(body, NFGENMSG.size)
    return RuleChange(
        generation=_number(found.get(1), "NFTA_GEN_ID"),
        pid=_number(found.get(2), "NFTA_GEN_PROC_PID"),
        comm=text(found.get(3)),
        boottime_ns=boottime_ns,
    )


def _number(value: bytes | None, expected: str) -> int:
    if value is None or len(value) != 4:
        raise ParseError(expected, value or b"")
    return int.from_bytes(value, "big")
