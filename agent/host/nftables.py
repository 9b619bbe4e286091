"""nftables over netlink: the chains through which packets leave, and what they jump to

Of those chains alone the rules are read, one by one. To find them the kernel has to be asked for
the names of all, and a node with 50,000 services has more than that. Nothing is asked of a kernel
that has not got nf_tables, for the question would load it; and rules of the legacy iptables are not
seen here, which is told.

libnftnl, include/uapi/linux/netfilter/nf_tables.h
"""

from __future__ import annotations

import time

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.modules import has_module
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER, Netlink
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.netlink import NatRule, NatTable
from agent.parse.netlink import attribute
from agent.parse.nft_rule import (
    NFGENMSG,
    NFNL_SUBSYS_NFTABLES,
    NFT_MSG_GETCHAIN,
    NFT_MSG_GETRULE,
    NFTA_RULE_CHAIN,
    NFTA_RULE_TABLE,
    parse_chain,
    parse_rule,
)

MAX_CHAINS = 2048
MODULE = "nf_tables"
LEGACY = ("net/ip_tables_names", "net/ip6_tables_names")

_ChainKey = tuple[int, bytes, bytes]


class NatReader:
    """Holds nothing open. For a worker: the kernel may be busy with a commit."""

    def __init__(self, root: HostRoot, namespaces: Namespaces) -> None:
        self._root = root
        self._namespaces = namespaces
        self.seconds = 0.0  # of CPU, that the last reading took: what waits costs nobody anything

    def read(self) -> NatTable:
        """What the host rewrites on the way out. Raises SourceAbsent, ParseError."""
        started = time.thread_time()
        try:
            with self._namespaces.opened(self._namespaces.of_process(1)) as fd:
                return read_nat(self._root, self._namespaces, fd)
        finally:
            self.seconds = time.thread_time() - started


def read_nat(root: HostRoot, namespaces: Namespaces, host_fd: int) -> NatTable:
    """What the host rewrites on the way out. Raises SourceAbsent, ParseError. For a worker."""
    unread = _legacy(root)
    if not has_module(root, MODULE):
        return NatTable(unread=unread or "nf_tables is neither loaded nor built into the kernel")
    with namespaces.socket_in(host_fd, NETLINK_NETFILTER) as nft:
        chains = nft.dump(_type(NFT_MSG_GETCHAIN), NFGENMSG.pack(0, 0, 0), parse_chain)
        roots = [(c.family, c.table, c.name) for c in chains if c.nat_postrouting]
        found: dict[_ChainKey, tuple[NatRule, ...]] = {}
        waiting = list(roots)
        while waiting and len(found) < MAX_CHAINS:
            key = waiting.pop()
            if key not in found:
                found[key] = _rules(nft, key)
                family, table, _ = key
                names = (rule.target.encode() for rule in found[key] if rule.target)
                waiting += [(family, table, name) for name in names]
    if waiting:
        unread = unread or f"more than {MAX_CHAINS} chains"
    return NatTable(roots=tuple(roots), chains=found, unread=unread)


def _rules(nft: Netlink, key: _ChainKey) -> tuple[NatRule, ...]:
    family, table, name = key
    body = NFGENMSG.pack(family, 0, 0)
    body += attribute(NFTA_RULE_TABLE, table + b"\0") + attribute(NFTA_RULE_CHAIN, name + b"\0")
    try:
        return tuple(nft.dump(_type(NFT_MSG_GETRULE), body, parse_rule))
    except SourceAbsent as error:
        if error.absent.absence is Absence.VANISHED:  # the chain is gone since
            return ()
        raise


def _type(message: int) -> int:
    return (NFNL_SUBSYS_NFTABLES << 8) | message


def _legacy(root: HostRoot) -> str:
    """iptables-legacy keeps its rules elsewhere: whether it has a table of NAT."""
    for name in LEGACY:
        try:
            if b"nat" in read_file(root.proc / "1" / name).split():
                return "iptables-legacy has rules of its own, which are not read"
        except SourceAbsent:
            continue
    return ""
