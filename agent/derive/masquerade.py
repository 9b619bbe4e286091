"""Whether the host rewrites the source of what an address sends. Pure."""

from __future__ import annotations

import ipaddress

from agent.model.netlink import NatRule, NatTable

MAX_DEPTH = 16
"""How deep chains may jump (NFT_JUMP_STACK_SIZE)."""

_VERSIONS = {2: 4, 10: 6}
_Key = tuple[int, bytes, bytes]


def masquerades(nat: NatTable, address: str) -> bool:
    """Whether a rule that names this source, or a network around it, leads to a masquerade.

    Rules for any source do not count: what else they ask for (a mark of kube-proxy's, a set) is not
    looked at.
    """
    wanted = ipaddress.ip_address(address)
    return any(
        _reaches(nat, root, wanted, named=False, depth=0)
        for root in nat.roots
        if _VERSIONS.get(root[0], wanted.version) == wanted.version
    )


def _reaches(
    nat: NatTable,
    key: _Key,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    *,
    named: bool,
    depth: int,
) -> bool:
    if depth > MAX_DEPTH:
        return False
    for rule in nat.chains.get(key, ()):
        fits = _fits(rule, address)
        if fits is None:
            continue
        if rule.masquerades and (named or fits):
            return True
        target = (key[0], key[1], rule.target.encode())
        if rule.target and _reaches(nat, target, address, named=named or fits, depth=depth + 1):
            return True
    return False


def _fits(rule: NatRule, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool | None:
    """True: it names this source; False: it takes any; None: it does not take this one."""
    names = False
    for match in rule.sources:
        network = ipaddress.ip_network(match.network)
        inside = network.version == address.version and address in network
        if inside is match.negated:
            return None
        names = names or not match.negated
    return names
