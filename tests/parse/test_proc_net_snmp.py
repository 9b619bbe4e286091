"""agent.parse.proc_net_snmp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.proc_net_snmp import parse_retransmits

HEAD = b"Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm MaxConn RetransSegs InErrs\n"


@given(st.integers(0, (1 << 64) - 1))
def test_retransmits(count: int) -> None:
    """The value below its name; MaxConn before it is negative."""
    assert parse_retransmits(HEAD + b"Tcp: 1 -1 %d 0\nUdp: a\nUdp: 1\n" % count) == count


@pytest.mark.parametrize("data", [b"", HEAD, HEAD + b"Tcp: 1\n", HEAD + b"Tcp: 1 -1 -3 0\n"])
def test_nothing_to_tell(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_retransmits(data)
