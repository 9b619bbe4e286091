"""What a CNI configuration asks for: masquerading, a bridge, and the addresses to give to pods

    {"type": "bridge", "bridge": "cni0", "ipMasq": true,
     "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam",
              "ranges": [[{"subnet": "10.88.0.0/16", "rangeStart": "10.88.0.10"}]]}}

A plugin that calls another one says so in words of its own, and that one's addresses are given
under the same name of the network. Of flannel

    {"name": "cbr0", "type": "flannel", "delegate": {"isDefaultGateway": true}}

the configuration of the other one lies in /var/lib/cni/flannel/CONTAINER, as flannel has made it.
Calico puts the node's own network where "usePodCidr" stands.

libcni keeps what it called the plugins of one pod with, as
/var/lib/cni/results/NETWORK-CONTAINER-INTERFACE:

    {"kind": "cniCacheV1", "containerId": "24...", "ifName": "eth0", "config": "eyJjbmlWZXJz...",
     "result": {"ips": [...], "interfaces": [{"name": "eth0", "sandbox": "/var/run/netns/..."}]}}

https://www.cni.dev/plugins/current/ipam/host-local/, libcni/api.go,
https://github.com/flannel-io/cni-plugin
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable

HOST_LOCAL = "host-local"
DATA_DIRECTORY = "/var/lib/cni/networks"
FLANNEL, FLANNEL_DIRECTORY = "flannel", "/var/lib/cni/flannel"
POD_CIDR = "usePodCidr"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRange(Struct, frozen=True, kw_only=True):
    """The addresses from `start` to `end`, both included, without the gateway's."""

    start: Address
    end: Address
    gateway: Address

    def __contains__(self, address: Address) -> bool:
        same = address.version == self.start.version
        return same and int(self.start) <= int(address) <= int(self.end) and address != self.gateway

    @property
    def total(self) -> int:
        inside = int(self.start) <= int(self.gateway) <= int(self.end)
        return max(0, int(self.end) - int(self.start) + 1 - inside)

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


_Sets = tuple[tuple[AddressRange, ...], ...]


class NetworkPlan(Struct, frozen=True, kw_only=True):
    """One network, as its first plugin is asked for it."""

    network: str
    plugin: str = ""
    masquerade: bool = False  # ipMasq; some CNIs masquerade unasked, by a daemon of their own
    gateway: bool = False  # its plugin makes the host the gateway of the pods
    bridge: str = ""
    directory: str = ""  # of host-local's allocations; empty: another IPAM
    sets: _Sets = ()  # a pod gets an address of each
    unread: str = ""  # why there may be other sets than these
    delegates: str = ""  # the directory in which its plugin keeps what it asks another one for


class CNIResult(Struct, frozen=True, kw_only=True):
    """What was made for one container."""

    container_id: str
    interface: str
    netns: str
    addresses: tuple[str, ...]  # that the plugins gave it, without their prefixes
    plan: NetworkPlan | None


def parse_plan(data: bytes) -> NetworkPlan:
    """A .conflist or .conf. Raises ParseError."""
    found = _object(data)
    name = found.get("name")
    network = _text(name) if isinstance(name, str) else ""
    plugins = found.get("plugins", [found])
    first = plugins[0] if isinstance(plugins, list) and plugins else None
    if not isinstance(first, dict):
        raise ParseError("a plugin", data)
    kind, ipam = first.get("type"), first.get("ipam")
    if not isinstance(kind, str):
        raise ParseError("a plugin with a type", data)
    directory, unread = "", ""
    sets: _Sets = ()
    if isinstance(ipam, dict) and ipam.get("type") == HOST_LOCAL:
        directory = _directory(ipam, network)
        sets, unread = _sets(ipam) if directory else ((), "")
    bridge = first.get("bridge", "cni0") if kind == "bridge" else ""
    return NetworkPlan(
        network=network,
        plugin=_text(kind),
        masquerade=first.get("ipMasq") is True,
        gateway=_is_gateway(first),
        bridge=_text(bridge) if isinstance(bridge, str) else "",
        directory=directory,
        sets=sets,
        unread=unread,
        delegates=_delegates(first) if kind == FLANNEL else "",
    )


def parse_result(data: bytes) -> CNIResult:
    """One file of libcni's cache. Raises ParseError."""
    found = _object(data)
    container, interface = found.get("containerId"), found.get("ifName")
    if not isinstance(container, str) or not isinstance(interface, str):
        raise ParseError("a containerId and an ifName", data)
    return CNIResult(
        container_id=_text(container),
        interface=_text(interface),
        netns=next(_sandboxes(found.get("result")), ""),
        addresses=tuple(_given(found.get("result"))),
        plan=_cached_plan(found.get("config")),
    )


def parse_allocation(data: bytes) -> str:
    """The container's id of one of host-local's files: "ID\\r\\neth0", formerly "ID\\neth0"."""
    return printable(data.split(b"\n", 1)[0].strip()[:256])


def _is_gateway(plugin: dict[str, Any]) -> bool:
    """ptp always is; bridge on demand."""
    asked = plugin.get("isGateway") is True or plugin.get("isDefaultGateway") is True
    return plugin.get("type") == "ptp" or (plugin.get("type") == "bridge" and asked)


def _sandboxes(result: object) -> Iterator[str]:
    interfaces = result.get("interfaces") if isinstance(result, dict) else None
    for each in interfaces if isinstance(interfaces, list) else ():
        sandbox = each.get("sandbox") if isinstance(each, dict) else None
        if isinstance(sandbox, str) and sandbox:
            yield _text(sandbox)


def _given(result: object) -> Iterator[str]:
    ips = result.get("ips") if isinstance(result, dict) else None
    for each in ips if isinstance(ips, list) else ():
        given = each.get("address") if isinstance(each, dict) else None
        if isinstance(given, str):
            with contextlib.suppress(ValueError):
                yield str(ipaddress.ip_interface(given).ip)


def _cached_plan(config: object) -> NetworkPlan | None:
    if not isinstance(config, str):
        return None
    try:
        return parse_plan(base64.b64decode(config, validate=True))
    except (binascii.Error, ParseError, ValueError):
        return None


def _delegates(plugin: dict[str, Any]) -> str:
    path = plugin.get("dataDir") or FLANNEL_DIRECTORY
    return _text(path) if isinstance(path, str) and path.startswith("/") else ""


def _directory(ipam: dict[str, Any], network: str) -> str:
    base = ipam.get("dataDir") or DATA_DIRECTORY
    if not isinstance(base, str) or not base.startswith("/") or not _is_directory(network):
        return ""
    return f"{_text(base)}/{network}"


def _is_directory(network: str) -> bool:
    """Whether host-local can have a directory of this name."""
    return network not in ("", ".", "..") and "/" not in network


def _sets(ipam: dict[str, Any]) -> tuple[_Sets, str]:
    """The sets of ranges, and why there may be more."""
    sets = ipam.get("ranges")
    groups: list[object] = list(sets) if isinstance(sets, list) else []
    if "subnet" in ipam:
        groups.append([ipam])
    found, unread = [], "" if groups else "the configuration names no range of addresses"
    for group in groups:
        each = group if isinstance(group, list) else []
        try:
            ranges = tuple(_range(one) for one in each if isinstance(one, dict))
        except ParseError as error:
            unread = str(error)
        else:
            found += [ranges] if ranges else []
    return tuple(found), unread


def _range(found: dict[str, Any]) -> AddressRange:
    """As host-local's Range.Canonicalize fills in what is not given. Raises ParseError."""
    if _string(found, "subnet").startswith(POD_CIDR):
        raise ParseError("a range of addresses, and not that of the node's podCIDR", POD_CIDR)
    try:
        network = ipaddress.ip_network(_string(found, "subnet"), strict=False)
        first = network[1]
        last = network[-2] if network.version == 4 else network[-1]
        return AddressRange(
            start=ipaddress.ip_address(_string(found, "rangeStart") or first),
            end=ipaddress.ip_address(_string(found, "rangeEnd") or last),
            gateway=ipaddress.ip_address(_string(found, "gateway") or first),
        )
    except (ValueError, IndexError) as error:
        raise ParseError(f"a range of addresses ({error})", _text(json.dumps(found))) from error


def _string(found: dict[str, Any], key: str) -> str:
    value = found.get(key, "")
    return value if isinstance(value, str) else ""


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"JSON ({error})", data) from error
    if not isinstance(found, dict):
        raise ParseError("an object", data)
    return found


def _text(text: str) -> str:
    return printable(text.encode("utf-8", "surrogatepass"))
