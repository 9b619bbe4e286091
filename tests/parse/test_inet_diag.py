"""agent.parse.inet_diag, on what Linux 6.18 told of a socket of each family."""

from __future__ import annotations

import struct

import pytest

from agent.model.absence import ParseError
from agent.parse.inet_diag import (
    INET_DIAG_INFO,
    TCP_ESTABLISHED,
    TCP_SYN_SENT,
    TcpInfo,
    TcpSocket,
    parse_inet_diag,
)
from agent.parse.netlink import attribute

FOUR = bytes.fromhex(
    "02010000acf0dd0b7f0000010000000000000000000000007f000001000000000000000000000000"
    "000000006b0000000000000000000000000000000000000000000000525f0e000500080000000000"
    "08000f00000000000c001500010000000000000006001600520000001c010200010000000007aa01"
    "e01c0300000000000080000018020000000000000000000000000000000000000000000000000000"
    "000000000000000000000000ffff0000d7ff00001b0000000f000000ffffff7f0b000000cbff0000"
    "0300000000000000d7ff00000000000064190c4307000000ffffffffffffffff0600000000000000"
    "00000000000000000300000002000000000000000700000000000000010000004992041701000000"
    "00000000000000000000000000000000000000000000000002000000000000000500000000000000"
    "00000000000000000000000000000000000000000000000000010000000100000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000"
)


def message(
    info: bytes | None = None, *, family: int = 2, state: int = TCP_ESTABLISHED, queue: int = 0
) -> bytes:
    """From 10.0.0.4:41924, or its like in IPv6, to the same at 6443."""
    source, destination = bytes([10, 0, 0, 4]).ljust(16, b"\0"), bytes([10, 0, 0, 1])
    if family == 10:
        source = bytes.fromhex("fd00") + bytes(13) + b"\4"
        destination = bytes(10) + b"\xff\xff" + destination
    body = struct.pack("=BBBB", family, state, 1, 0) + struct.pack(">HH", 41924, 6443)
    body += source + destination.ljust(16, b"\0") + struct.pack("=IQ", 0, 4098)
    body += struct.pack("=5I", 0, 0, queue, 0, 13916)
    return body + (b"" if info is None else attribute(INET_DIAG_INFO, info))


def tcp_info(**words: int) -> bytes:
    """struct tcp_info with these of its fields, up to tcpi_total_retrans."""
    places = {"retransmits": 2, "probes": 3, "backoff": 4}
    later = {"rto": 0, "unacked": 4, "sent": 9, "received": 11, "acked": 12, "rtt": 15, "total": 23}
    first, rest = [0] * 8, [0] * 24
    for name, value in words.items():
        if name in places:
            first[places[name]] = value
        else:
            rest[later[name]] = value
    return struct.pack("=8B24I", *first, *rest)


def test_captured() -> None:
    """A connection over the loopback that has just sent five bytes."""
    found = parse_inet_diag(FOUR)
    assert found == TcpSocket(
        state=TCP_ESTABLISHED,
        local=("127.0.0.1", 44272),
        remote=("127.0.0.1", 56587),
        cookie=107,
        inode=941906,
        send_queue=0,
        info=TcpInfo(
            retransmits=0,
            probes=0,
            backoff=0,
            rto_us=204_000,
            unacked=0,
            since_sent_ms=0,
            since_received_ms=0,
            since_acked_ms=0,
            rtt_us=27,
            total_retransmits=0,
        ),
    )


def test_fields() -> None:
    """Each from its own place."""
    told = {"retransmits": 6, "probes": 2, "backoff": 5, "rto": 7, "unacked": 3}
    times = {"sent": 11, "received": 12, "acked": 13, "rtt": 14, "total": 15}
    found = parse_inet_diag(message(tcp_info(**told, **times), queue=512))
    assert found.send_queue == 512
    assert found.inode == 13916
    assert found.info == TcpInfo(
        retransmits=6,
        probes=2,
        backoff=5,
        rto_us=7,
        unacked=3,
        since_sent_ms=11,
        since_received_ms=12,
        since_acked_ms=13,
        rtt_us=14,
        total_retransmits=15,
    )


def test_addresses() -> None:
    """IPv6, and IPv4 in its clothes; without TCP_INFO nothing more is known."""
    assert parse_inet_diag(message(state=TCP_SYN_SENT)).remote == ("10.0.0.1", 6443)
    six = parse_inet_diag(message(family=10))
    assert (six.local, six.remote) == (("fd00::4", 41924), ("10.0.0.1", 6443))
    assert six.info is None


@pytest.mark.parametrize(
    "payload",
    [b"", FOUR[:71], message(family=1), message(b"\0" * 50), message(tcp_info()) + b"\3\0\0\0"],
)
def test_others(payload: bytes) -> None:
    with pytest.raises(ParseError):
        parse_inet_diag(payload)
