"""Samples network namespaces: the host's, and those of pods and of names that nobody uses.

Nothing here is for the event loop: each request takes the kernel's rtnl_mutex.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.bpf import tcx_programs
from agent.host.files import read_file
from agent.host.namespaces import Namespaces
from agent.host.netlink import Netlink
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.netlink import HostNetwork, Link, NamespaceNetwork, Neighbour, Route
from agent.parse.netlink import attribute
from agent.parse.proc_net_snmp import parse_retransmits
from agent.parse.rtnetlink import (
    IFADDRMSG,
    IFINFOMSG,
    NDMSG,
    NETNSA_FD,
    RTA_DST,
    RTGENMSG,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETNSID,
    RTM_GETROUTE,
    RTM_GETTFILTER,
    RTMSG,
    TCMSG,
    parse_filter_kind,
    parse_interface_address,
    parse_link,
    parse_neighbour,
    parse_nsid,
    parse_route,
)

TC_H_CLSACT_INGRESS, TC_H_CLSACT_EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
RT_TABLE_LOCAL = b"\xff"
TABLE_AT = 4  # in struct rtmsg
NUD_NOARP = (0x40).to_bytes(2, sys.byteorder)
STATE_AT = 8  # in struct ndmsg
MAX_ADDRESSES = 16
"""Of one namespace for which the host's route is asked."""
_EXT_MASK = attribute(29, (8).to_bytes(4, sys.byteorder))  # IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS
_FORWARDING = {4: "sys/net/ipv4/ip_forward", 6: "sys/net/ipv6/conf/all/forwarding"}


class Target(Struct, frozen=True, kw_only=True):
    """A namespace to be read, and where it can be entered."""

    inode: int
    path: Path
    pid: int = 0  # of a process in it; 0: there is none


def read_host(root: HostRoot, namespaces: Namespaces, host_fd: int) -> HostNetwork:
    """Raises SourceAbsent, ParseError."""
    with namespaces.socket_in(host_fd) as sock:
        links = sock.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0) + _EXT_MASK, parse_link)
        found = sock.dump(RTM_GETADDR, IFADDRMSG.pack(0, 0, 0, 0, 0), parse_interface_address)
    return HostNetwork(
        inode=os.fstat(host_fd).st_ino,
        links={link.index: link for link in links},
        addresses=frozenset(each.address for each in found),
        forwarding=_forwarding(root) if _is_ours(root, host_fd) else {},
    )


def read_namespaces(
    root: HostRoot,
    namespaces: Namespaces,
    host_fd: int,
    host: HostNetwork,
    targets: Iterable[Target],
) -> list[NamespaceNetwork]:
    """Each of them, or why it could not be read. Raises SourceAbsent for the host's alone.

    What is gone or has become another namespace meanwhile is left out.
    """
    found = []
    with namespaces.socket_in(host_fd) as sock:
        for target in targets:
            try:
                with namespaces.opened(target.path) as fd:
                    if os.fstat(fd).st_ino == target.inode:
                        found.append(_read(root, namespaces, sock, host_fd, host, target, fd))
            except SourceAbsent as error:
                if error.absent.absence is not Absence.VANISHED:
                    found.append(NamespaceNetwork(inode=target.inode, unread=error.absent.detail))
            except ParseError as error:
                found.append(NamespaceNetwork(inode=target.inode, unread=str(error)))
    return found


def _read(
    root: HostRoot,
    namespaces: Namespaces,
    host_sock: Netlink,
    host_fd: int,
    host: HostNetwork,
    target: Target,
    fd: int,
) -> NamespaceNetwork:
    nsid = _nsid(host_sock, fd)
    with namespaces.socket_in(fd) as sock:
        cookie = sock.cookie()
        links = sock.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0), parse_link)
        host_nsid = _nsid(sock, host_fd)  # which has none here before somebody has read the links
        addresses = sock.dump(RTM_GETADDR, IFADDRMSG.pack(0, 0, 0, 0, 0), parse_interface_address)
        routes = sock.dump(RTM_GETROUTE, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0), _sent_by)
        neighbours = sock.dump(RTM_GETNEIGH, NDMSG.pack(0, 0, 0, 0, 0), _asked_for)
    free = {
        link.index: link.peer_index
        for link in links
        if _free_end(link, host_nsid, nsid, host) is not None
    }
    programs = {end: _has_bpf(namespaces, host_sock, host_fd, end) for end in free.values()}
    behind = [each.address for each in addresses if each.index in free and each.scope == 0]
    return NamespaceNetwork(
        inode=target.inode,
        cookie=cookie,
        nsid=nsid,
        host_nsid=host_nsid,
        links=tuple(links),
        addresses=tuple(addresses),
        routes=tuple(routes),
        neighbours=tuple(neighbours),
        retransmits=_retransmits(root, target.pid),
        host_routes=dict(_host_routes(host_sock, behind[:MAX_ADDRESSES])),
        host_filters=frozenset(end for end, attached in programs.items() if attached),
        host_unasked=frozenset(end for end, attached in programs.items() if attached is None),
    )


def _free_end(
    link: Link, host_nsid: int | None, nsid: int | None, host: HostNetwork
) -> Link | None:
    """The host's end of a pair that has no master there."""
    if host_nsid is None or link.peer_nsid != host_nsid:
        return None
    end = host.links.get(link.peer_index)
    return None if end is None or end.master or end.peer_nsid != nsid else end


def _nsid(sock: Netlink, fd: int) -> int | None:
    body = RTGENMSG.pack(0) + attribute(NETNSA_FD, fd.to_bytes(4, sys.byteorder))
    return sock.ask(RTM_GETNSID, body, parse_nsid)


def _sent_by(body: bytes) -> Route | None:
    """A route by which something is sent: the table "local" is for what is received."""
    return None if body[TABLE_AT : TABLE_AT + 1] == RT_TABLE_LOCAL else parse_route(body)


def _asked_for(body: bytes) -> Neighbour | None:
    """A neighbour that has to be asked for its address: multicast and lo need not be."""
    return None if body[STATE_AT : STATE_AT + 2] == NUD_NOARP else parse_neighbour(body)


def _host_routes(sock: Netlink, addresses: Iterable[str]) -> Iterable[tuple[str, int]]:
    for each in addresses:
        family = socket.AF_INET6 if ":" in each else socket.AF_INET
        packed = socket.inet_pton(family, each)
        body = RTMSG.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(RTA_DST, packed)
        with contextlib.suppress(SourceAbsent):  # there is none
            route = sock.ask(RTM_GETROUTE, body, parse_route)
            if route is not None:
                yield each, route.interface


def _has_bpf(namespaces: Namespaces, sock: Netlink, host_fd: int, index: int) -> bool | None:
    """By clsact or by tcx; None: it could not be asked."""
    for parent in (TC_H_CLSACT_INGRESS, TC_H_CLSACT_EGRESS):
        with contextlib.suppress(SourceAbsent):  # it has no such queueing discipline
            body = TCMSG.pack(0, index, 0, parent, 0)
            if "bpf" in sock.dump(RTM_GETTFILTER, body, parse_filter_kind):
                return True
    try:
        with namespaces.inside(host_fd):
            return tcx_programs(index) > 0
    except SourceAbsent:
        return None


def _retransmits(root: HostRoot, pid: int) -> int | None:
    if not pid:
        return None
    with contextlib.suppress(SourceAbsent, ParseError):
        return parse_retransmits(read_file(root.proc / str(pid) / "net/snmp"))
    return None


def _is_ours(root: HostRoot, host_fd: int) -> bool:
    """Whether /proc/sys/net shows the host's settings: it shows those of the reader's namespace."""
    with contextlib.suppress(OSError):
        return os.stat(root.proc / "self/ns/net").st_ino == os.fstat(host_fd).st_ino
    return False


def _forwarding(root: HostRoot) -> dict[int, bool]:
    found = {}
    for version, name in _FORWARDING.items():
        with contextlib.suppress(SourceAbsent):
            found[version] = read_file(root.proc / name).strip() != b"0"
    return found
