"""/proc/net/sockstat and sockstat6

    sockets: used 56
    TCP: inuse 35 orphan 0 tw 133 alloc 44 mem 249
    TCP6: inuse 5

https://docs.kernel.org/filesystems/proc.html
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.digits import number


def parse_tcp_sockets(data: bytes) -> int:
    """Sockets of TCP of one version, with those in TIME_WAIT, which IPv4 counts for both. Raises
    ParseError.
    """
    for line in data.split(b"\n"):
        name, _, rest = line.partition(b":")
        if name in (b"TCP", b"TCP6"):
            words = rest.split()
            found = dict(zip(words[::2], words[1::2], strict=False))
            if b"inuse" not in found:
                break
            return sum(number(found[key], "sockstat") for key in (b"inuse", b"tw") if key in found)
    raise ParseError("sockstat: a line TCP: or TCP6: with inuse", data)


def parse_port_range(data: bytes) -> tuple[int, int]:
    """net.ipv4.ip_local_port_range, both ends included. Raises ParseError."""
    words = data.split()
    if len(words) != 2:
        raise ParseError("ip_local_port_range: two numbers", data)
    low, high = (number(word, "ip_local_port_range") for word in words)
    if not 0 < low <= high < 1 << 16:
        raise ParseError("ip_local_port_range: a range of ports", data)
    return low, high
