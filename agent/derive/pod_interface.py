"""Which interface of a namespace is the pod's, and where its other end is."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agent.model.netlink import HostNetwork, InterfaceAddress, Link, NamespaceNetwork

FIRST = "eth0"
"""What every kubelet's runtime calls a pod's interface (CNI_IFNAME)."""
PAIRS = frozenset({"veth", "netkit"})
"""Kinds of interfaces that come in pairs."""
SCOPE_UNIVERSE = 0


class Ends(Struct, frozen=True, kw_only=True):
    """The two ends of a pod's interface."""

    inside: Link
    outside: Link | None  # in the host's namespace; None: it is not there
    proven: bool  # each end names the other


def pod_interface(links: Iterable[Link]) -> Link | None:
    """eth0, else the first that is no loopback; None: there is none.

    Devices that a kernel makes in every namespace, such as tunl0, are not meant.
    """
    real = [link for link in links if not link.loopback and not _is_fallback(link)]
    named = (link for link in real if link.name == FIRST)
    return next(named, min(real, key=lambda link: link.index, default=None))


def ends_of(inside: Link, network: NamespaceNetwork, host: HostNetwork) -> Ends:
    """The other end of the pod's interface, by index and namespace id, and back."""
    outside = None
    if network.host_nsid is not None and inside.peer_nsid == network.host_nsid:
        outside = host.links.get(inside.peer_index)
    proven = (
        outside is not None
        and outside.kind == inside.kind
        and outside.peer_index == inside.index
        and outside.peer_nsid == network.nsid
    )
    return Ends(inside=inside, outside=outside if proven else None, proven=proven)


def usable_addresses(network: NamespaceNetwork, interface: Link) -> tuple[InterfaceAddress, ...]:
    """Those of an interface that other hosts can send to."""
    return tuple(
        each
        for each in network.addresses
        if each.index == interface.index and each.scope == SCOPE_UNIVERSE
    )


_FALLBACKS = frozenset(
    {"tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"}
)


def _is_fallback(link: Link) -> bool:
    return link.name in _FALLBACKS and not link.up
