"""agent.parse.rtnetlink beside pyroute2, on what the kernel of the machine that runs the tests says
of the same namespace.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.host.netlink import Netlink
from agent.model.netlink import PortState
from agent.parse.rtnetlink import (
    IFADDRMSG,
    IFINFOMSG,
    NDMSG,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETROUTE,
    RTMSG,
    parse_interface_address,
    parse_link,
    parse_neighbour,
    parse_route,
)
from tests.host.test_plumbing import Elsewhere, privileged

ROOT = Path(__file__).parents[2]
STATES = list(PortState)
MULTICAST = ("224.", "ff0")


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[tuple[Elsewhere, dict[str, Any]]]:
    """The namespace, and what pyroute2 says of it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.host.iproute_peer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        said = child.stdout.readline()
        if not said:
            error = child.stderr.read()
            if "Operation not supported" in error:
                pytest.skip(f"this kernel has no bridge or no veth: {error.splitlines()[-1]}")
            raise AssertionError(error)
        yield Elsewhere(tmp_path, child.pid), json.loads(said)
        child.stdin.close()


@privileged
def test_both_say_the_same(peer: tuple[Elsewhere, dict[str, Any]]) -> None:
    """Of links, addresses, routes and neighbours; what changes by itself is left out."""
    elsewhere, said = peer
    with elsewhere.inside(), Netlink() as sock:
        links = sock.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0), parse_link)
        addresses = sock.dump(RTM_GETADDR, IFADDRMSG.pack(0, 0, 0, 0, 0), parse_interface_address)
        routes = sock.dump(RTM_GETROUTE, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0), parse_route)
        neighbours = sock.dump(RTM_GETNEIGH, NDMSG.pack(0, 0, 0, 0, 0), parse_neighbour)
    ours: dict[str, list[list[Any]]] = {
        "links": [
            [
                each.index,
                each.name,
                each.up,
                each.mtu,
                each.kind,
                each.carrier,
                each.carrier_changes,
                each.peer_index,
                each.master,
                each.port_kind,
                None if each.port_state is None else STATES.index(each.port_state),
            ]
            for each in links
        ],
        "addresses": [[a.index, a.address, a.prefix, a.scope] for a in addresses],
        "routes": [
            [r.version, r.destination, r.prefix, r.table, r.kind, r.scope, r.interface, r.gateway]
            for r in routes
        ],
        "neighbours": [[n.interface, n.address, n.state.value, n.mac] for n in neighbours],
    }
    assert sorted(ours["links"]) == said["links"]
    for kind in ("addresses", "routes", "neighbours"):
        assert _settled(ours[kind]) == _settled(said[kind])
    text = json.dumps(ours)
    for word in ("br0", "bridge", "10.88.0.2", "fd00:99::", "1042", "02:00:00:00:00:07"):
        assert word in text


def _settled(rows: list[list[Any]]) -> list[list[Any]]:
    """Without what IPv6 does by itself in its first seconds."""
    return sorted(row for row in rows if not any(_by_itself(cell) for cell in row))


def _by_itself(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith(("fe80:", *MULTICAST))
