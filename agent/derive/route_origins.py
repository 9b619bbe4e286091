"""Whose routes the host has, and which routing daemon has lost all of its own: a pure fold.

A daemon that had routes at two looks one after the other and has none now is followed until they
are back, or for an hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from agent.model.plumbing import Routes

PROTOCOLS = {
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    8: "gated",
    9: "ra",
    10: "mrt",
    11: "zebra",
    12: "bird",
    13: "dnrouted",
    14: "xorp",
    15: "ntk",
    16: "dhcp",
    17: "mrouted",
    18: "keepalived",
    42: "babel",
    99: "openr",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}
"""RTPROT_* of include/uapi/linux/rtnetlink.h, as ip-route(8) names them."""
DAEMONS = frozenset({8, 11, 12, 13, 14, 15, 17, 42, 99, 186, 187, 188, 189, 192})
"""Those whose routes lead to other nodes. keepalived's come and go with an address that moves."""
SETTLED_LOOKS = 2
FORGET_NS = 3600 * 1_000_000_000


class _Kept(Struct):
    most: int = 0
    looks: int = 0
    gone_ns: int | None = None


class RouteFold:
    """By version and protocol."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], _Kept] = {}

    def take(self, counts: Mapping[tuple[int, int], int], now_ns: int) -> tuple[Routes, ...]:
        """One look at all routes by which something is sent."""
        for key, count in counts.items():
            kept = self._kept.setdefault(key, _Kept())
            kept.most, kept.gone_ns = max(kept.most, count), None
            kept.looks += 1
        for key, kept in list(self._kept.items()):
            if counts.get(key):
                continue
            if key[1] not in DAEMONS or kept.looks < SETTLED_LOOKS:
                del self._kept[key]
                continue
            kept.gone_ns = now_ns if kept.gone_ns is None else kept.gone_ns
            if now_ns - kept.gone_ns >= FORGET_NS:
                del self._kept[key]
        return tuple(
            Routes(
                version=version,
                protocol=PROTOCOLS.get(protocol, str(protocol)),
                count=counts.get((version, protocol), 0),
                most=kept.most,
                daemon=protocol in DAEMONS,
                gone_since_boottime_ns=kept.gone_ns,
            )
            for (version, protocol), kept in sorted(self._kept.items())
        )
