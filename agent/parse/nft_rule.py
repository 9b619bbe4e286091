"""nftables: chains and rules, as far as they decide whose source address is masqueraded

    chain ip nat POSTROUTING { type nat hook postrouting priority srcnat; }
    rule  ip nat POSTROUTING ip saddr 10.88.0.5 counter jump CNI-7f31a9...
    rule  ip nat CNI-7f31a9 ip daddr != 224.0.0.0/4 counter masquerade

iptables-nft writes a rule's source as payload, bitwise and cmp as nft does, and its targets as the
expression `target`. What a rule asks for otherwise is not looked at here, but that it does is told.
All numbers are in network order.

include/uapi/linux/netfilter/nf_tables.h
"""

from __future__ import annotations

import ipaddress
import struct

from msgspec import Struct, field

from agent.model.absence import ParseError
from agent.model.netlink import NatRule, SourceMatch
from agent.parse.netlink import address, attribute_list, attributes, text

NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_NEWCHAIN, NFT_MSG_GETCHAIN = 3, 4
NFT_MSG_NEWRULE, NFT_MSG_GETRULE = 6, 7
NFTA_RULE_TABLE, NFTA_RULE_CHAIN = 1, 2
NF_INET_POST_ROUTING = 4
NFGENMSG = struct.Struct("=BBH")  # family version res_id

_NETWORK_HEADER = 1
_SOURCES = {12: 4, 8: 16}  # where the source lies in a header, and how long it is
_NFT_JUMP, _NFT_GOTO = -3, -4
_EQ, _NEQ = 0, 1
_TARGETS = frozenset({"MASQUERADE", "SNAT"})


class NftChain(Struct, frozen=True, kw_only=True):
    """One chain."""

    family: int  # NFPROTO_*: 1 inet, 2 ip, 10 ip6
    table: bytes
    name: bytes
    nat_postrouting: bool  # packets enter it on their way out, and it may rewrite them
    hooked: bool = False  # packets enter it somewhere
    uses: int = 0  # its rules, and jumps to it; nothing jumps to one that is hooked


class _Register(Struct):
    """What a rule has loaded."""

    width: int = 0  # of the whole address; 0: no source address
    mask: bytes = b""


class _Folded(Struct):
    sources: list[SourceMatch] = field(default_factory=list)
    opaque: bool = False
    target: str = ""
    masquerades: bool = False


def parse_chain(body: bytes) -> NftChain:
    """One NFT_MSG_NEWCHAIN. Raises ParseError."""
    family, found = _generic(body)
    hook = attributes(found.get(4, b""))  # NFTA_CHAIN_HOOK
    number = _number(hook.get(1), "a hook") if hook else -1
    return NftChain(
        family=family,
        table=_name(found.get(1)),
        name=_name(found.get(3)),
        nat_postrouting=number == NF_INET_POST_ROUTING and _name(found.get(7)) == b"nat",
        hooked=bool(hook),
        uses=_number(found[6], "NFTA_CHAIN_USE") if 6 in found else 0,
    )


def parse_rule(body: bytes) -> NatRule:
    """One NFT_MSG_NEWRULE. Raises ParseError."""
    _, found = _generic(body)
    folded, registers = _Folded(), dict[int, _Register]()
    for _, element in attribute_list(found.get(4, b"")):  # NFTA_RULE_EXPRESSIONS
        parts = attributes(element)
        name, data = text(parts.get(1)), attributes(parts.get(2, b""))
        _fold(name, data, registers, folded)
    return NatRule(
        sources=tuple(folded.sources),
        opaque=folded.opaque,
        target=folded.target,
        masquerades=folded.masquerades,
    )


def _fold(
    name: str, data: dict[int, bytes], registers: dict[int, _Register], folded: _Folded
) -> None:
    match name:
        case "payload" if 1 in data:
            registers[_number(data[1], "a register")] = _loaded(data)
        case "bitwise":
            _mask(data, registers)
        case "cmp":
            _compare(data, registers.get(_number(data.get(1), "a register")), folded)
        case "immediate":
            verdict = attributes(attributes(data.get(2, b"")).get(2, b""))
            code = _number(verdict.get(1), "a verdict") if 1 in verdict else 0
            if code - (1 << 32) in (_NFT_JUMP, _NFT_GOTO):
                folded.target = text(verdict.get(2))
        case "target":
            folded.masquerades |= text(data.get(1)) in _TARGETS
        case "masq":
            folded.masquerades = True
        case "nat":
            folded.masquerades |= _number(data.get(1), "a kind of NAT") == 0  # NFT_NAT_SNAT
        case "counter" | "log":
            pass
        case "match" if text(data.get(1)) == "comment":
            pass
        case _:
            folded.opaque = True


def _loaded(data: dict[int, bytes]) -> _Register:
    base, offset = _number(data.get(2), "a base"), _number(data.get(3), "an offset")
    length = _number(data.get(4), "a length")
    width = _SOURCES.get(offset, 0) if base == _NETWORK_HEADER else 0
    return _Register(width=width if 0 < length <= width else 0)


def _mask(data: dict[int, bytes], registers: dict[int, _Register]) -> None:
    loaded = registers.get(_number(data.get(1), "a register"))
    if loaded is not None and loaded.width:
        mask = attributes(data.get(4, b"")).get(1, b"")
        registers[_number(data.get(2), "a register")] = _Register(width=loaded.width, mask=mask)


def _compare(data: dict[int, bytes], loaded: _Register | None, folded: _Folded) -> None:
    if loaded is None or not loaded.width:
        folded.opaque = True
        return
    operation = _number(data.get(2), "a comparison")
    value = attributes(data.get(3, b"")).get(1, b"")
    if operation not in (_EQ, _NEQ) or not 0 < len(value) <= loaded.width:
        folded.opaque = True
        return
    mask = loaded.mask or b"\xff" * len(value)
    bits = int.from_bytes(mask.ljust(loaded.width, b"\0")[: loaded.width], "big")
    prefix = bits.bit_count()
    if bits != ((1 << prefix) - 1) << (loaded.width * 8 - prefix):
        folded.opaque = True  # no prefix
        return
    host = f"{address(value.ljust(loaded.width, bytes(1)))}/{prefix}"
    network = ipaddress.ip_network(host, strict=False)
    folded.sources.append(SourceMatch(network=str(network), negated=operation == _NEQ))


def _generic(body: bytes) -> tuple[int, dict[int, bytes]]:
    if len(body) < NFGENMSG.size:
        raise ParseError("an nfgenmsg", body)
    return body[0], attributes(body, NFGENMSG.size)


def _number(value: bytes | None, expected: str) -> int:
    if value is None or len(value) not in (1, 4, 8):
        raise ParseError(expected, value or b"")
    return int.from_bytes(value, "big")


def _name(value: bytes | None) -> bytes:
    return (value or b"").split(b"\0", 1)[0]
