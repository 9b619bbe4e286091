"""agent.parse.inet_sock_set_state"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.evidence import DialSeen
from agent.parse.inet_sock_set_state import dial_filter, parse_dial

BEGUN = (
    b"  kube-apiserver-812     [001] .....  5847.512501: inet_sock_set_state: family=AF_INET "
    b"protocol=IPPROTO_TCP sport=0 dport=443 saddr=10.0.0.4 daddr=10.96.0.5 "
    b"saddrv6=::ffff:10.0.0.4 daddrv6=::ffff:10.96.0.5 oldstate=TCP_CLOSE newstate=TCP_SYN_SENT\n"
)
REFUSED = (
    b"          <idle>-0       [000] ..s2.  5847.512633: inet_sock_set_state: family=AF_INET6 "
    b"protocol=IPPROTO_TCP sport=40112 dport=443 saddr=0.0.0.0 daddr=0.0.0.0 "
    b"saddrv6=fd00::4 daddrv6=fd00::5 oldstate=TCP_SYN_SENT newstate=TCP_CLOSE"
)
DIAL = DialSeen(
    tid=812,
    local="10.0.0.4:0",
    remote="10.96.0.5:443",
    failed=False,
    serving=False,
    boottime_ns=5_847_512_501_000,
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (BEGUN, DIAL),
        (BEGUN.replace(b" ..... ", b" .... "), DIAL),
        (
            REFUSED,
            DialSeen(
                tid=0,
                local="[fd00::4]:40112",
                remote="[fd00::5]:443",
                failed=True,
                serving=True,
                boottime_ns=5_847_512_633_000,
            ),
        ),
        (BEGUN.replace(b"AF_INET ", b"AF_INET6 "), DIAL),
        (REFUSED.replace(b"=TCP_CLOSE", b"=TCP_ESTABLISHED"), None),
        (BEGUN.replace(b"set_state:", b"set_stat:"), None),
        (b"# tracer: nop\n", None),
    ],
)
def test_parse_dial(record: bytes, expected: DialSeen | None) -> None:
    """What begins and what fails; other changes of state and other events are none."""
    assert parse_dial(record) == expected


def test_unknown_payload() -> None:
    with pytest.raises(ParseError):
        parse_dial(BEGUN.replace(b"oldstate", b"olderstate"))


def test_dial_filter() -> None:
    """The kernel keeps 15 bytes of a name; one that no filter can hold is left out."""
    assert dial_filter(["kubelet", "a-very-long-name-of-it", 'x"y']) == (
        'protocol == 6 && ((newstate == 2 && (COMM == "kubelet" || COMM == "a-very-long-nam")) || '
        "(oldstate == 2 && newstate == 7))"
    )
