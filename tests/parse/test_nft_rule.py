"""agent.parse.nft_rule."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.netlink import NatRule, SourceMatch
from agent.parse.nft_rule import parse_chain, parse_rule
from tests.parse.netlink_making import be32, chain, expression, jump, rule, source_of, string

POD = bytes((10, 88, 0, 5))
COUNTER = expression("counter", {})
COMMENT = expression("match", {1: string("comment")})


def test_rule_of_the_bridge_plugin() -> None:
    """-s 10.88.0.5/32 -m comment --comment ... -j CNI-7f31a9, as iptables-nft writes it."""
    found = parse_rule(rule(source_of(POD), COMMENT, COUNTER, jump("CNI-7f31a9")))
    assert found == NatRule(sources=(SourceMatch(network="10.88.0.5/32"),), target="CNI-7f31a9")


@pytest.mark.parametrize(
    "target",
    [
        expression("masq", {}),
        expression("target", {1: string("MASQUERADE")}),
        expression("target", {1: string("SNAT")}),
        expression("nat", {1: be32(0), 2: be32(2)}),
    ],
)
def test_masquerades(target: bytes) -> None:
    assert parse_rule(rule(COUNTER, target)) == NatRule(masquerades=True)


def test_other_targets() -> None:
    """DNAT and MARK rewrite no source."""
    for target in (
        expression("nat", {1: be32(1)}),
        expression("target", {1: string("MARK")}),
        expression("immediate", {1: be32(0), 2: b""}),
    ):
        assert not parse_rule(rule(target)).masquerades


@given(st.integers(0, 32), st.integers(0, (1 << 32) - 1), st.booleans())
def test_any_network(prefix: int, number: int, negated: bool) -> None:
    """A network under a mask comes back."""
    network = ipaddress.ip_network((number, prefix), strict=False)
    mask = network.netmask.packed
    found = parse_rule(rule(source_of(network.network_address.packed, mask=mask, negated=negated)))
    assert found.sources == (SourceMatch(network=str(network), negated=negated),)


def test_short_comparisons() -> None:
    """A /16 can be two bytes, as newer iptables write it; IPv6 lies elsewhere."""
    assert parse_rule(rule(source_of(POD[:2]))).sources[0].network == "10.88.0.0/16"
    six = parse_rule(rule(source_of(bytes(15) + b"\x01", offset=8), family=10))
    assert six.sources[0].network == "::1/128"


@pytest.mark.parametrize(
    "expressions",
    [
        (source_of(POD, offset=16),),  # the destination
        (source_of(POD, mask=b"\xff\x00\xff\x00"),),
        (expression("lookup", {1: string("set"), 2: be32(1)}),),
        (expression("match", {1: string("mark")}),),
        (expression("cmp", {1: be32(1), 2: be32(0), 3: b""}),),
    ],
)
def test_what_is_not_understood(expressions: tuple[bytes, ...]) -> None:
    """It is no source, and is told."""
    assert parse_rule(rule(*expressions)) == NatRule(opaque=True)


def test_chains() -> None:
    """Where packets leave through NAT; a chain of filter's, or without a hook, is none of those."""
    found = parse_chain(chain("POSTROUTING"))
    assert (found.family, found.table, found.name) == (2, b"nat", b"POSTROUTING")
    assert found.nat_postrouting
    assert not parse_chain(chain("PREROUTING", hook=0)).nat_postrouting
    assert not parse_chain(chain("mangle", kind="filter")).nat_postrouting
    assert not parse_chain(chain("CNI-7f31a9", hook=None)).nat_postrouting
    with pytest.raises(ParseError, match="nfgenmsg"):
        parse_chain(b"\x02")
