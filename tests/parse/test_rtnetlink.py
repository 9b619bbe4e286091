"""agent.parse.rtnetlink."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.netlink import (
    InterfaceAddress,
    Link,
    LinkCounters,
    NeighbourState,
    PortState,
    Route,
)
from agent.parse.netlink import attribute
from agent.parse.rtnetlink import (
    RTGENMSG,
    RTMSG,
    TCMSG,
    parse_filter_kind,
    parse_interface_address,
    parse_link,
    parse_neighbour,
    parse_nsid,
    parse_route,
)
from tests.parse.netlink_making import (
    I32,
    interface_address,
    link,
    neighbour,
    nested,
    route,
    string,
    u32,
)

V4 = socket.inet_aton("10.88.0.5")
GATEWAY = socket.inet_aton("10.88.0.1")


def test_link() -> None:
    """The host's end of a pod's veth: a port of a bridge."""
    assert parse_link(link()) == Link(
        index=26,
        name="veth7b1e451b",
        up=True,
        mtu=1500,
        kind="veth",
        carrier=True,
        peer_index=2,
        peer_nsid=0,
        master=3,
        port_kind="bridge",
        port_state=PortState.FORWARDING,
        counters=LinkCounters(
            rx_packets=17, tx_packets=9120, rx_bytes=1266, tx_bytes=4 << 20, rx_dropped=12
        ),
    )


def test_link_that_tells_little() -> None:
    """Down, and without all that a kernel may leave out; a port of something else has no state."""
    bare = parse_link(struct.pack("=BxHiII", 0, 772, 1, 0x8, 0))
    assert bare == Link(index=1, name="", up=False, loopback=True)
    slave = nested({4: string("vrf"), 5: nested({1: u32(7)})})
    assert parse_link(link(more={18: slave})).port_state is None
    assert parse_link(link(more={43: nested({2: b"\x01"})})).xdp
    assert parse_link(link(more={37: I32.pack(-1)})).peer_nsid == -1


@given(
    st.integers(1, 1 << 30),
    st.text("abcdefgh0123456789.-@", min_size=1, max_size=15),
    st.booleans(),
    st.sampled_from(PortState),
)
def test_any_link(index: int, name: str, up: bool, state: PortState) -> None:
    """Index, name, flag and state come back."""
    number = list(PortState).index(state)
    port = nested({1: string("veth"), 4: string("bridge"), 5: nested({1: bytes((number,))})})
    found = parse_link(link(index, name, flags=int(up), more={18: port}))
    assert (found.index, found.name, found.up, found.port_state) == (index, name, up, state)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        link(more={4: b"\0\0\0"}),
        link(more={23: bytes(8)}),
        link(more={18: nested({4: string("bridge"), 5: nested({1: b"\x09"})})}),
        link()[:-1],
    ],
)
def test_no_link(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_link(body)


def test_address() -> None:
    """IFA_FLAGS stands over the eight bits of the header; IFA_LOCAL is ours, not the peer's."""
    assert parse_interface_address(interface_address(V4)) == InterfaceAddress(
        index=2, address="10.88.0.5", prefix=16, scope=0
    )
    six = socket.inet_pton(socket.AF_INET6, "fd00::5")
    failed = parse_interface_address(interface_address(six, prefix=64, flags=0x48))
    assert (failed.version, failed.duplicate, failed.tentative) == (6, True, True)
    with pytest.raises(ParseError, match="an address"):
        parse_interface_address(struct.pack("=BBBBI", 2, 16, 0, 0, 2))


def test_route() -> None:
    default = parse_route(route(GATEWAY))
    assert default == Route(
        version=4,
        destination="",
        prefix=0,
        table=254,
        kind=1,
        scope=0,
        interface=2,
        gateway="10.88.0.1",
    )
    assert default.is_default
    assert parse_route(RTMSG.pack(129, 0, 0, 0, 0, 0, 0, 0, 0)) is None


def test_route_of_several_hops() -> None:
    """The first one is told; a gateway of the other family too."""
    hop = struct.pack("=HBBi", 16, 0, 0, 7) + attribute(5, GATEWAY)
    body = RTMSG.pack(2, 0, 0, 0, 254, 3, 0, 1, 0) + attribute(9, hop + hop)
    found = parse_route(body)
    assert found is not None
    assert (found.interface, found.gateway) == (7, "10.88.0.1")
    with pytest.raises(ParseError, match="rtnexthop"):
        parse_route(RTMSG.pack(2, 0, 0, 0, 254, 3, 0, 1, 0) + attribute(9, hop[:-1]))
    via = attribute(18, b"\x0a\x00" + bytes(15) + b"\x01")
    six = parse_route(RTMSG.pack(2, 0, 0, 0, 254, 3, 0, 1, 0) + attribute(4, u32(2)) + via)
    assert six is not None
    assert six.gateway == "::1"


def test_neighbour() -> None:
    """State, and how long ago it was used."""
    found = parse_neighbour(neighbour(GATEWAY, 0x20, used_ticks=250))
    assert found is not None
    assert found.state is NeighbourState.FAILED
    assert (found.mac, found.unused_seconds) == ("5a:8c:50:98:32:4d", 2.5)
    both = parse_neighbour(neighbour(GATEWAY, 0x4002))
    assert both is not None
    assert both.state.words == "REACHABLE"
    assert NeighbourState(0).words == "NONE"
    assert (NeighbourState.REACHABLE | NeighbourState.NOARP).words == "REACHABLE|NOARP"
    assert parse_neighbour(struct.pack("=BxHiHBB", 7, 0, 2, 2, 0, 1)) is None
    with pytest.raises(ParseError, match="neighbour"):
        parse_neighbour(struct.pack("=BxHiHBB", 2, 0, 2, 2, 0, 1))


def test_nsid() -> None:
    """-1 is NETNSA_NSID_NOT_ASSIGNED."""
    assert parse_nsid(RTGENMSG.pack(0) + attribute(1, I32.pack(4))) == 4
    assert parse_nsid(RTGENMSG.pack(0) + attribute(1, I32.pack(-1))) is None
    assert parse_nsid(RTGENMSG.pack(0)) is None


def test_filter() -> None:
    body = TCMSG.pack(0, 26, 1, 0xFFFFFFF2, 0) + attribute(1, b"bpf\0")
    assert parse_filter_kind(body) == "bpf"
