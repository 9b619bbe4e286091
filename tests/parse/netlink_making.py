"""Netlink messages as the kernel writes them, for tests of their parsers."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from agent.parse.netlink import attribute
from agent.parse.rtnetlink import IFADDRMSG, IFINFOMSG, NDMSG, RTMSG

U32 = struct.Struct("=I")
I32 = struct.Struct("=i")


def nested(attributes: Mapping[int, bytes]) -> bytes:
    """Attributes one after the other."""
    return b"".join(attribute(kind, value) for kind, value in attributes.items())


def u32(value: int) -> bytes:
    return U32.pack(value)


def be32(value: int) -> bytes:
    """As nftables writes numbers."""
    return value.to_bytes(4, "big")


def string(text: str) -> bytes:
    return text.encode() + b"\0"


def link(
    index: int = 26,
    name: str = "veth7b1e451b",
    *,
    flags: int = 0x11043,
    kind: str = "veth",
    more: Mapping[int, bytes] | None = None,
) -> bytes:
    """A port of bridge 3, whose other end is interface 2 of nsid 0; `more` replaces attributes."""
    info = {1: string(kind), 4: string("bridge"), 5: nested({1: b"\x03"})}
    stats = struct.pack("=10Q", 17, 9120, 1266, 4 << 20, 0, 0, 12, 0, 0, 0)
    found = {
        3: string(name),
        4: u32(1500),
        5: u32(2),
        10: u32(3),
        18: nested(info),
        23: stats,
        33: b"\x01",
        37: I32.pack(0),
        **(more or {}),
    }
    return IFINFOMSG.pack(0, 1, index, flags, 0) + nested(found)


def interface_address(local: bytes, index: int = 2, prefix: int = 16, flags: int = 0x80) -> bytes:
    """One address."""
    family = 2 if len(local) == 4 else 10
    found = {1: local, 2: local, 8: u32(flags)}
    return IFADDRMSG.pack(family, prefix, flags & 0xFF, 0, index) + nested(found)


def route(
    gateway: bytes = b"", *, prefix: int = 0, destination: bytes = b"", interface: int = 2
) -> bytes:
    """One of the table main."""
    found = {4: u32(interface), 15: u32(254)}
    if gateway:
        found[5] = gateway
    if destination:
        found[1] = destination
    return RTMSG.pack(2, prefix, 0, 0, 254, 3, 0, 1, 0) + nested(found)


def neighbour(address: bytes, state: int, used_ticks: int = 0) -> bytes:
    """One entry of interface 2."""
    found = {1: address, 2: bytes.fromhex("5a8c5098324d")}
    found[3] = struct.pack("=4I", 0, used_ticks, 0, 1)
    return NDMSG.pack(2 if len(address) == 4 else 10, 2, state, 0, 1) + nested(found)


def expression(name: str, data: Mapping[int, bytes]) -> bytes:
    """One expression of a rule, as an element of a list."""
    return attribute(1, nested({1: string(name), 2: nested(data)}))


def source_of(
    network: bytes, *, mask: bytes = b"", offset: int = 12, negated: bool = False
) -> bytes:
    """The expressions that compare a packet's source."""
    load = expression("payload", {1: be32(1), 2: be32(1), 3: be32(offset), 4: be32(len(network))})
    if mask:
        load += expression(
            "bitwise",
            {
                1: be32(1),
                2: be32(1),
                3: be32(len(mask)),
                4: nested({1: mask}),
                5: nested({1: mask}),
            },
        )
    return load + expression("cmp", {1: be32(1), 2: be32(negated), 3: nested({1: network})})


def jump(chain: str) -> bytes:
    """The expression that jumps to a chain."""
    verdict = nested({1: (-3 & 0xFFFFFFFF).to_bytes(4, "big"), 2: string(chain)})
    return expression("immediate", {1: be32(0), 2: nested({2: verdict})})


def rule(*expressions: bytes, family: int = 2) -> bytes:
    """NFT_MSG_NEWRULE."""
    found = {1: string("nat"), 2: string("POSTROUTING"), 4: b"".join(expressions)}
    return bytes((family, 0, 0, 0)) + nested(found)


def chain(name: str, *, hook: int | None = 4, kind: str = "nat") -> bytes:
    """NFT_MSG_NEWCHAIN."""
    found = {1: string("nat"), 3: string(name)}
    if hook is not None:
        found[4] = nested({1: be32(hook), 2: be32(100)})
        found[7] = string(kind)
    return bytes((2, 0, 0, 0)) + nested(found)
