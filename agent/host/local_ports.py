"""Local ports of TCP of the host's namespace: how many of those for connect(2) are taken

    /proc/1/net/sockstat, sockstat6
    /proc/sys/net/ipv4/ip_local_port_range

A port is free or taken for each pair of addresses and port of the other end. While all sockets
together are fewer than half of the range, no peer can have taken it up, and none is asked for.

https://docs.kernel.org/networking/ip-sysctl.html
"""

from __future__ import annotations

import time
from collections import Counter

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_SOCK_DIAG
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.plumbing import LocalPorts
from agent.parse.inet_diag_ports import (
    AF_INET,
    AF_INET6,
    SOCK_DIAG_BY_FAMILY,
    Peer,
    parse_connection,
    request,
)
from agent.parse.proc_net_sockstat import parse_port_range, parse_tcp_sockets

WORTH_ASKING = 0.5
SHARE = 50
"""Sockets are listed for no more than a fiftieth of the time."""


class LocalPortCounter:
    """Holds nothing open; remembers what it saw last. For a worker."""

    def __init__(self, root: HostRoot, namespaces: Namespaces) -> None:
        self._net = root.proc / "1/net"
        self._range = root.proc / "sys/net/ipv4/ip_local_port_range"
        self._namespaces = namespaces
        self._not_before = 0.0
        self._worst: tuple[Peer, int] | None = None

    def count(self) -> LocalPorts:
        """Raises SourceAbsent, ParseError."""
        low, high = parse_port_range(read_file(self._range))
        sockets = parse_tcp_sockets(read_file(self._net / "sockstat")) + self._six()
        total = high - low + 1
        if sockets < WORTH_ASKING * total:
            self._worst = None
        elif time.monotonic() >= self._not_before:
            started = time.monotonic()
            self._worst = self._busiest(low, high)
            ended = time.monotonic()
            self._not_before = ended + SHARE * (ended - started)
        if self._worst is None:
            return LocalPorts(total=total, sockets=sockets)
        (source, destination, port), used = self._worst
        return LocalPorts(
            total=total,
            sockets=sockets,
            used=used,
            source=source,
            destination=destination,
            port=port,
        )

    def _six(self) -> int:
        try:
            return parse_tcp_sockets(read_file(self._net / "sockstat6"))
        except SourceAbsent as error:
            if error.absent.absence is Absence.VANISHED:  # a kernel without IPv6
                return 0
            raise

    def _busiest(self, low: int, high: int) -> tuple[Peer, int] | None:
        def outgoing(body: bytes) -> Peer | None:
            local, peer = parse_connection(body)
            return peer if low <= local <= high else None

        counts: Counter[Peer] = Counter()
        with (
            self._namespaces.opened(self._namespaces.of_process(1)) as fd,
            self._namespaces.socket_in(fd, NETLINK_SOCK_DIAG) as sock,
        ):
            for family in (AF_INET, AF_INET6):
                counts.update(sock.dump(SOCK_DIAG_BY_FAMILY, request(family), outgoing))
        return next(iter(counts.most_common(1)), None)
