"""ctnetlink: the counters of the connection table of one CPU

    IPCTNL_MSG_CT_GET_STATS_CPU   struct nfgenmsg, CTA_STATS_INSERT_FAILED=0 CTA_STATS_DROP=93 ...

All numbers are in network order.

include/uapi/linux/netfilter/nfnetlink_conntrack.h
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.model.plumbing import ConntrackCounters
from agent.parse.netlink import attributes
from agent.parse.nft_rule import NFGENMSG

NFNL_SUBSYS_CTNETLINK = 1
IPCTNL_MSG_CT_GET_STATS_CPU = 4
_INSERT_FAILED, _DROP, _EARLY_DROP = 9, 10, 11


def parse_conntrack_cpu(body: bytes) -> ConntrackCounters:
    """One CPU. Raises ParseError."""
    if len(body) < NFGENMSG.size:
        raise ParseError("an nfgenmsg", body)
    found = attributes(body, NFGENMSG.size)
    return ConntrackCounters(
        insert_failed=_number(found.get(_INSERT_FAILED), "CTA_STATS_INSERT_FAILED"),
        drop=_number(found.get(_DROP), "CTA_STATS_DROP"),
        early_drop=_number(found.get(_EARLY_DROP), "CTA_STATS_EARLY_DROP"),
    )


def _number(value: bytes | None, expected: str) -> int:
    if value is None or len(value) != 4:
        raise ParseError(expected, value or b"")
    return int.from_bytes(value, "big")
