"""agent.parse.proc_net_stat, softnet_stat, ctnetlink, nft_generation and ipt_getinfo."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.model.plumbing import Conntrack, ConntrackCounters, Neighbours, RuleChange, Softnet
from agent.parse.ctnetlink import parse_conntrack_cpu
from agent.parse.inet_diag_ports import parse_connection
from agent.parse.ipt_getinfo import GETINFO_BYTES, parse_getinfo, request
from agent.parse.nft_generation import parse_generation
from agent.parse.nft_rule import NFGENMSG, parse_chain
from agent.parse.proc_net_sockstat import parse_port_range, parse_tcp_sockets
from agent.parse.proc_net_stat import parse_conntrack_stat, parse_neighbour_stat
from agent.parse.rtnetlink import RTMSG, parse_link, parse_route_origin
from agent.parse.softnet_stat import parse_softnet_stat
from tests.parse.netlink_making import be32, link, nested, string, u32

CONNTRACK = b"""\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop \
icmp_error  expect_new expect_create expect_delete search_restart
00000014  00000000 00000000 00000000 00000003 00000012 00000000 00000000 00000000 00000001 \
0000005d 00000002 00000000  00000000 00000000 00000000 00000000
00000014  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \
00000001 00000000 00000000  00000000 00000000 00000000 00000000
"""
ARP = b"""\
entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast \
rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls
00000005 00000037 00000006 00000000   00000000 00000000 00000004   00000000         00000000\
         00000000         00000000       00000000            00000003
00000005 0000002c 00000058 00000003   00000000 00000000 00000000   00000000         00000000\
         00000b13         00000000       00000000            00000001
"""
SOFTNET = b"""\
00327c80 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \
00000000 00000000 00000000 00000000
003658f0 00000007 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \
00000000 00000001 00000000 00000000
"""


def test_conntrack() -> None:
    """The counters of all CPUs together, and the entries of the table once."""
    assert parse_conntrack_stat(CONNTRACK, 20) == Conntrack(
        entries=20,
        limit=20,
        counters=ConntrackCounters(insert_failed=1, drop=0x5E, early_drop=2),
    )


def test_neighbours() -> None:
    """Times full of all CPUs; an older kernel does not count them."""
    assert parse_neighbour_stat(ARP, 4, 1024) == Neighbours(
        version=4, entries=5, limit=1024, table_fulls=4
    )
    old = b"entries  allocs\n00000005 00000037\n"
    assert parse_neighbour_stat(old, 6, None) == Neighbours(version=6, entries=5)


def test_softnet() -> None:
    assert parse_softnet_stat(SOFTNET) == Softnet(
        processed=0x327C80 + 0x3658F0, dropped=7, squeezed=5
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"entries drop\n",
        b"entries drop\n0000\n",
        b"entries drop insert_failed early_drop\n1 2 3 xyz\n",
        b"drop insert_failed early_drop\n1 2 3\n",
        b"entries\n1\n",
        b"entries drop insert_failed early_drop\n1 2 3 +1\n",
    ],
)
def test_others(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_conntrack_stat(data, 1)


@pytest.mark.parametrize(
    "data", [b"", b"0000000a\n", b"0000000a 0 0\n", b"0000000a 0000000g 00000000"]
)
def test_other_softnets(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_softnet_stat(data)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_ctnetlink(failed: int, drop: int, early: int) -> None:
    """One CPU, in network order; half of it is an error."""
    body = NFGENMSG.pack(0, 0, 0) + nested({9: be32(failed), 10: be32(drop), 11: be32(early)})
    assert parse_conntrack_cpu(body) == ConntrackCounters(
        insert_failed=failed, drop=drop, early_drop=early
    )
    with pytest.raises(ParseError):
        parse_conntrack_cpu(NFGENMSG.pack(0, 0, 0) + nested({9: be32(failed)}))


def test_generation() -> None:
    body = NFGENMSG.pack(0, 0, 0) + nested({1: be32(812), 2: be32(4711), 3: string("nft")})
    assert parse_generation(body, 7) == RuleChange(
        generation=812, pid=4711, comm="nft", boottime_ns=7
    )
    with pytest.raises(ParseError):
        parse_generation(NFGENMSG.pack(0, 0, 0), 7)


def test_chain_uses() -> None:
    """How many rules it has, and whether packets enter it."""
    found = {1: string("nat"), 3: string("KUBE-SERVICES"), 6: be32(50_001)}
    chain = parse_chain(NFGENMSG.pack(2, 0, 0) + nested(found))
    assert (chain.uses, chain.hooked) == (50_001, False)
    found[4] = nested({1: be32(0), 2: be32(0)})
    assert parse_chain(NFGENMSG.pack(2, 0, 0) + nested(found)).hooked


def test_getinfo() -> None:
    """num_entries is the last but one."""
    assert len(request(b"x" * 40)) == GETINFO_BYTES == 84
    data = struct.pack("=32s13I", b"filter", 14, *range(100, 110), 50_004, 7_000_000)
    assert parse_getinfo(data) == 50_004
    with pytest.raises(ParseError):
        parse_getinfo(data[:-1])


@pytest.mark.parametrize(
    ("family", "table", "protocol", "flags", "origin"),
    [
        (2, 254, 12, 0, (4, 12)),
        (10, 254, 9, 0, (6, 9)),
        (2, 255, 2, 0, None),  # what is received
        (10, 254, 2, 0x200, None),  # a cached copy
        (128, 254, 17, 0, None),  # multicast
    ],
)
def test_route_origin(
    family: int, table: int, protocol: int, flags: int, origin: tuple[int, int] | None
) -> None:
    assert parse_route_origin(RTMSG.pack(family, 16, 0, 0, table, protocol, 0, 1, flags)) == origin


def test_carrier_changes() -> None:
    assert parse_link(link(more={35: u32(8)})).carrier_changes == 8
    assert parse_link(link()).carrier_changes is None


def test_sockstat() -> None:
    """TIME_WAIT counts; the line of the version is found."""
    data = b"sockets: used 56\nTCP: inuse 35 orphan 0 tw 133 alloc 44 mem 249\nUDP: inuse 0\n"
    assert parse_tcp_sockets(data) == 168
    assert parse_tcp_sockets(b"TCP6: inuse 5\n") == 5
    for other in (b"", b"TCP: inuse\n", b"UDP: inuse 1\n", b"TCP: inuse -1\n"):
        with pytest.raises(ParseError):
            parse_tcp_sockets(other)


def test_port_range() -> None:
    assert parse_port_range(b"32768\t60999\n") == (32768, 60999)
    for other in (b"", b"1\n", b"9 8\n", b"0 9\n", b"1 65536\n"):
        with pytest.raises(ParseError):
            parse_port_range(other)


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_connection(local: int, port: int) -> None:
    """Ports in network order, addresses of either version."""
    ports = local.to_bytes(2, "big") + port.to_bytes(2, "big")
    four = bytes((2, 1, 0, 0)) + ports + bytes((10, 0, 0, 1)) + bytes(12)
    four += bytes((10, 0, 0, 2)) + bytes(12)
    assert parse_connection(four) == (local, ("10.0.0.1", "10.0.0.2", port))
    six = bytes((10, 1, 0, 0)) + ports + bytes(15) + b"\1" + bytes(15) + b"\2"
    assert parse_connection(six) == (local, ("::1", "::2", port))
    with pytest.raises(ParseError):
        parse_connection(six[:-1])
