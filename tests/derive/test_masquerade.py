"""agent.derive.masquerade."""

from __future__ import annotations

from agent.derive.masquerade import masquerades
from agent.model.netlink import NatRule, NatTable, SourceMatch
from tests.derive.network_making import CHAIN, NAT, ROOT


def rule(*networks: str, target: str = "", masquerades: bool = False) -> NatRule:
    sources = (SourceMatch(network=n.lstrip("!"), negated=n.startswith("!")) for n in networks)
    return NatRule(sources=tuple(sources), target=target, masquerades=masquerades)


def table(*rules: NatRule, chain: tuple[NatRule, ...] = ()) -> NatTable:
    return NatTable(roots=(ROOT,), chains={ROOT: rules, CHAIN: chain})


def test_by_jump() -> None:
    """As the bridge plugin writes it; other pods have chains of their own."""
    assert masquerades(NAT, "10.88.0.5")
    assert not masquerades(NAT, "10.88.0.6")


def test_by_network() -> None:
    """As flannel writes it, with what it leaves out."""
    nat = table(rule("10.88.0.0/16", masquerades=True))
    assert masquerades(nat, "10.88.7.7")
    assert not masquerades(nat, "10.89.0.1")
    assert not masquerades(nat, "fd00::1")


def test_rules_for_anybody_do_not_count() -> None:
    """kube-proxy masquerades what it has marked, whoever sent it: that proves nothing of a pod."""
    kube = (NatRule(opaque=True), NatRule(masquerades=True))
    assert not masquerades(table(rule(target="CNI-7f31"), chain=kube), "10.88.0.5")
    assert masquerades(
        table(rule(target="CNI-7f31"), chain=(rule("10.88.0.5/32", masquerades=True),)), "10.88.0.5"
    )


def test_negations() -> None:
    """A negation excludes, and names nobody."""
    assert not masquerades(table(rule("!10.88.0.0/16", masquerades=True)), "10.88.0.5")
    assert not masquerades(table(rule("!10.99.0.0/16", masquerades=True)), "10.88.0.5")


def test_a_circle_ends() -> None:
    nat = NatTable(roots=(ROOT,), chains={ROOT: (rule(target="POSTROUTING"),)})
    assert not masquerades(nat, "10.88.0.5")
