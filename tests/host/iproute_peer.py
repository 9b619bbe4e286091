"""A process in a network namespace of its own, which pyroute2 fills and reads: a second opinion.

    python -m tests.host.iproute_peer

Prints one line of JSON, and keeps the namespace until its input ends. It is a process of its own,
for pyroute2 takes some ten MiB of memory and has its own event loop.
"""

import ctypes
import json
import sys
import time
from typing import Any

from pyroute2 import IPRoute

CLONE_NEWNET = 0x40000000
MAC = "02:00:00:00:00:07"
SECONDS = 30
CARRIER, FORWARDING = 5, 3  # where it stands in a link, BR_STATE_FORWARDING


def fill(ip: Any) -> None:
    """A pod's end and the host's end of a veth on a bridge, with what there is of each kind."""
    ip.link("add", ifname="br0", kind="bridge")
    ip.link("add", ifname="v0", kind="veth", peer={"ifname": "eth0"})
    index = {name: ip.link_lookup(ifname=name)[0] for name in ("lo", "br0", "v0", "eth0")}
    ip.link("set", index=index["v0"], master=index["br0"], mtu=1400)
    for each in index.values():
        ip.link("set", index=each, state="up")
    ip.addr("add", index=index["br0"], address="10.88.0.1", prefixlen=24)
    ip.addr("add", index=index["eth0"], address="10.88.0.2", prefixlen=16)
    ip.addr("add", index=index["eth0"], address="fd00:88::2", prefixlen=64, flags=0x02)  # nodad
    ip.route("add", dst="default", gateway="10.88.0.1", oif=index["eth0"])
    ip.route("add", dst="10.99.0.0/16", oif=index["br0"], table=1042, scope="link")
    ip.route("add", dst="10.98.0.0/16", type="unreachable")
    ip.route("add", dst="fd00:99::/64", gateway="fd00:88::1", oif=index["eth0"])
    settle(ip)
    ip.neigh("add", dst="10.88.0.7", lladdr=MAC, ifindex=index["eth0"], state="permanent")


def settle(ip: Any) -> None:
    """The kernel tells a bridge of its port's carrier a little later."""
    end = time.monotonic() + SECONDS
    while True:
        links = [_link(link) for link in ip.get_links()]
        if all(link[CARRIER] for link in links) and FORWARDING in (link[-1] for link in links):
            return
        if time.monotonic() > end:
            raise TimeoutError(str(links))


def read(ip: Any) -> dict[str, Any]:
    """All of it, as pyroute2 parses it."""
    return {
        "links": sorted(map(_link, ip.get_links())),
        "addresses": sorted(
            [a["index"], a.get("IFA_LOCAL") or a.get("IFA_ADDRESS"), a["prefixlen"], a["scope"]]
            for a in ip.get_addr()
        ),
        "routes": sorted(
            [
                4 if r["family"] == 2 else 6,
                r.get("RTA_DST") or "",
                r["dst_len"],
                r.get("RTA_TABLE") or r["table"],
                r["type"],
                r["scope"],
                r.get("RTA_OIF") or 0,
                r.get("RTA_GATEWAY") or "",
            ]
            for r in ip.get_routes()
            if r["family"] in (2, 10)
        ),
        "neighbours": sorted(
            [n["ifindex"], n.get("NDA_DST"), n["state"], n.get("NDA_LLADDR") or ""]
            for n in ip.get_neighbours()
            if n["family"] in (2, 10)
        ),
    }


def _link(link: Any) -> list[Any]:
    info = link.get("IFLA_LINKINFO") or {}
    port = info.get("IFLA_INFO_SLAVE_DATA") or {}
    return [
        link["index"],
        link.get("IFLA_IFNAME"),
        bool(link["flags"] & 1),
        link.get("IFLA_MTU"),
        info.get("IFLA_INFO_KIND") or "",
        bool(link.get("IFLA_CARRIER")),
        link.get("IFLA_CARRIER_CHANGES"),
        link.get("IFLA_LINK") or 0,
        link.get("IFLA_MASTER") or 0,
        info.get("IFLA_INFO_SLAVE_KIND") or "",
        port.get("IFLA_BRPORT_STATE") if port else None,
    ]


def main() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with IPRoute() as ip:
        fill(ip)
        print(json.dumps(read(ip)), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
