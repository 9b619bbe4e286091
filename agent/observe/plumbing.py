"""Samples the devices of the host's own namespace, and whose routes it has.

Nothing here is for the event loop: each request takes the kernel's rtnl_mutex.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from agent.host.namespaces import Namespaces
from agent.model.netlink import Link
from agent.parse.netlink import attribute
from agent.parse.rtnetlink import (
    IFINFOMSG,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTMSG,
    parse_link,
    parse_route_origin,
)

_VETH = attribute(1, b"veth\0")[:-3]  # IFLA_INFO_KIND, without its padding
_EXT_MASK = attribute(29, (8).to_bytes(4, sys.byteorder))  # IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS


class Fabric(Struct, frozen=True, kw_only=True):
    """What packets leave the node by."""

    links: tuple[Link, ...]  # without veths
    routes: Mapping[tuple[int, int], int]  # by version and RTPROT_*


def read_fabric(namespaces: Namespaces) -> Fabric:
    """Raises SourceAbsent, ParseError."""
    with (
        namespaces.opened(namespaces.of_process(1)) as fd,
        namespaces.socket_in(fd) as sock,
    ):
        links = sock.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0) + _EXT_MASK, _not_veth)
        body = RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)
        origins = sock.dump(RTM_GETROUTE, body, parse_route_origin)
    return Fabric(links=tuple(links), routes=Counter(origins))


def _not_veth(body: bytes) -> Link | None:
    """A node has hundreds, and none of them leads to another node."""
    return None if _VETH in body else parse_link(body)
