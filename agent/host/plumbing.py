"""/proc/net of the host and its sysctls: tables that fill, and packets that are dropped

    /proc/1/net/stat/nf_conntrack     entries and counters; without CONFIG_NF_CONNTRACK_PROCFS none
    /proc/1/net/stat/arp_cache        and ndisc_cache
    /proc/1/net/softnet_stat
    /proc/sys/net/netfilter/nf_conntrack_{count,max}
    /proc/sys/net/ipv{4,6}/neigh/default/gc_thresh3

The sysctls shown are those of the reader's own network namespace, which is the host's. Where the
kernel shows no file of its counters, ctnetlink has them; it is not asked if that would load it.

https://docs.kernel.org/networking/nf_conntrack-sysctl.html, arp(7)
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.modules import has_module
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.plumbing import (
    Conntrack,
    ConntrackCounters,
    Neighbours,
    PlumbingSample,
    Softnet,
)
from agent.parse.ctnetlink import (
    IPCTNL_MSG_CT_GET_STATS_CPU,
    NFNL_SUBSYS_CTNETLINK,
    parse_conntrack_cpu,
)
from agent.parse.digits import number
from agent.parse.nft_rule import NFGENMSG
from agent.parse.proc_net_stat import parse_conntrack_stat, parse_neighbour_stat
from agent.parse.softnet_stat import parse_softnet_stat

_NEIGHBOURS = ((4, "arp_cache"), (6, "ndisc_cache"))
_NO_CONNTRACK = "conntrack is not loaded: no connection is tracked"


class PlumbingCounters:
    """Reads the host's procfs; holds nothing open. For a worker: ctnetlink waits for the kernel."""

    def __init__(self, root: HostRoot, namespaces: Namespaces) -> None:
        self._net = root.proc / "1/net"
        self._sys = root.proc / "sys/net"
        self._modules = root.proc / "modules"
        self._root = root
        self._namespaces = namespaces

    def sample(self, boottime_ns: int) -> PlumbingSample:
        """What could be read, and why not the rest. Raises nothing."""
        absent: dict[str, str] = {}
        conntrack: Conntrack | None = None
        softnet: Softnet | None = None
        neighbours: list[Neighbours] = []
        try:
            conntrack = self.conntrack()
        except (SourceAbsent, ParseError) as error:
            absent["conntrack"] = str(error)
        try:
            softnet = parse_softnet_stat(read_file(self._net / "softnet_stat"))
        except (SourceAbsent, ParseError) as error:
            absent["softnet"] = str(error)
        for version, name in _NEIGHBOURS:
            try:
                neighbours.append(self._neighbours(version, name))
            except (SourceAbsent, ParseError) as error:
                absent[f"neighbours{version}"] = str(error)
        return PlumbingSample(
            boottime_ns=boottime_ns,
            conntrack=conntrack,
            softnet=softnet,
            neighbours=tuple(neighbours),
            absent=absent,
        )

    def conntrack(self) -> Conntrack:
        """Raises SourceAbsent (VANISHED if nothing is tracked), ParseError."""
        try:
            limit = self._sysctl("netfilter/nf_conntrack_max")
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:
                raise SourceAbsent(Absence.VANISHED, _NO_CONNTRACK) from error
            raise
        try:
            return parse_conntrack_stat(read_file(self._net / "stat/nf_conntrack"), limit)
        except SourceAbsent:
            entries = self._sysctl("netfilter/nf_conntrack_count")
            return Conntrack(entries=entries, limit=limit, counters=self.by_netlink())

    def by_netlink(self) -> ConntrackCounters | None:
        """The counters from ctnetlink; None: it is not loaded, or says nothing."""
        if self._modules.exists() and not has_module(self._root, "nf_conntrack_netlink"):
            return None  # the question would load it
        kind = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU
        try:
            with (
                self._namespaces.opened(self._namespaces.of_process(1)) as fd,
                self._namespaces.socket_in(fd, NETLINK_NETFILTER) as sock,
            ):
                cpus = sock.dump(kind, NFGENMSG.pack(0, 0, 0), parse_conntrack_cpu)
        except (SourceAbsent, ParseError):
            return None
        return ConntrackCounters(
            insert_failed=sum(cpu.insert_failed for cpu in cpus),
            drop=sum(cpu.drop for cpu in cpus),
            early_drop=sum(cpu.early_drop for cpu in cpus),
        )

    def _neighbours(self, version: int, name: str) -> Neighbours:
        limit = None
        with contextlib.suppress(SourceAbsent, ParseError):  # hidden in all namespaces but one
            limit = self._sysctl(f"ipv{version}/neigh/default/gc_thresh3")
        return parse_neighbour_stat(read_file(self._net / "stat" / name), version, limit)

    def _sysctl(self, name: str) -> int:
        path: Path = self._sys / name
        return number(read_file(path).strip(), str(path))
