"""How large the tables of the packet filter are: nftables by its chains, iptables-legacy by table

No rule is read: nftables counts the rules of a chain itself (NFTA_CHAIN_USE, with the jumps to it),
and iptables-legacy those of a table (IPT_SO_GET_INFO). Nothing is asked of a kernel that has not
got the one or the other, for the question would load it.

include/uapi/linux/netfilter/nf_tables.h, iptables(8)
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.files import read_file
from agent.host.modules import has_module
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER
from agent.host.nftables import MODULE
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.plumbing import RuleTable
from agent.parse.ipt_getinfo import GETINFO_BYTES, IPT_SO_GET_INFO, parse_getinfo, request
from agent.parse.names import printable
from agent.parse.nft_rule import NFGENMSG, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, parse_chain

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
SOL_IPV6 = 41
_LEGACY = (
    ("ip", "ip_tables_names", socket.AF_INET, socket.SOL_IP),
    ("ip6", "ip6_tables_names", socket.AF_INET6, SOL_IPV6),
)

_libc = ctypes.CDLL(None, use_errno=True)


class RuleTables:
    """Holds nothing open. For a worker: the kernel may be busy with a commit."""

    def __init__(self, root: HostRoot, namespaces: Namespaces) -> None:
        self._net = root.proc / "1/net"
        self._root = root
        self._namespaces = namespaces
        self.seconds = 0.0  # of CPU, that the last count took: what waits costs nobody anything

    @property
    def nftables(self) -> bool:
        """Whether it is there to be asked."""
        return has_module(self._root, MODULE)

    def count(self) -> tuple[RuleTable, ...]:
        """All tables of the host's namespace. Raises SourceAbsent, ParseError."""
        started = time.thread_time()
        with self._namespaces.opened(self._namespaces.of_process(1)) as fd:
            found = [*self._nftables(fd), *self._legacy(fd)]
        self.seconds = time.thread_time() - started
        return tuple(found)

    def _nftables(self, fd: int) -> list[RuleTable]:
        if not self.nftables:
            return []
        with self._namespaces.socket_in(fd, NETLINK_NETFILTER) as nft:
            kind = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN
            chains = nft.dump(kind, NFGENMSG.pack(0, 0, 0), parse_chain)
        tables: dict[tuple[int, bytes], list[int]] = {}
        for chain in chains:
            sums = tables.setdefault((chain.family, chain.table), [0, 0, 0])
            sums[0] += chain.uses
            sums[1] += 1
            sums[2] += chain.uses if chain.hooked else 0
        return [
            RuleTable(
                backend="nftables",
                family=FAMILIES.get(family, str(family)),
                name=printable(name),
                entries=entries,
                chains=count,
                hooked=hooked,
            )
            for (family, name), (entries, count, hooked) in sorted(tables.items())
        ]

    def _legacy(self, fd: int) -> list[RuleTable]:
        found = []
        for family, listing, domain, level in _LEGACY:
            try:
                names = read_file(self._net / listing).split()
            except SourceAbsent:
                continue  # it is not loaded
            if not names:
                continue
            with self._namespaces.inside(fd), absent_on_error("a socket to ask iptables by"):
                sock = socket.socket(domain, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            with sock:
                for name in names:
                    with contextlib.suppress(OSError, ParseError):  # it is gone since
                        data = _info(sock, level, name)
                        found.append(
                            RuleTable(
                                backend="iptables-legacy",
                                family=family,
                                name=printable(name),
                                entries=parse_getinfo(data),
                            )
                        )
        return found


def _info(sock: socket.socket, level: int, table: bytes) -> bytes:
    """getsockopt(2) that is given a name: Python's own passes nothing. Raises OSError."""
    asked = request(table)
    buffer = ctypes.create_string_buffer(asked, GETINFO_BYTES)
    size = ctypes.c_uint32(GETINFO_BYTES)
    if _libc.getsockopt(sock.fileno(), level, IPT_SO_GET_INFO, buffer, ctypes.byref(size)) < 0:
        raise OSError(ctypes.get_errno(), "")
    return buffer.raw[: size.value]
