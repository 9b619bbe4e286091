"""<trace instance>/trace_pipe: the event sock:inet_sock_set_state

    kube-apiserver-812   [001] .....  5847.512501: inet_sock_set_state: family=AF_INET \
protocol=IPPROTO_TCP sport=0 dport=443 saddr=10.0.0.4 daddr=10.96.0.5 saddrv6=::ffff:10.0.0.4 \
daddrv6=::ffff:10.96.0.5 oldstate=TCP_CLOSE newstate=TCP_SYN_SENT

connect(2) makes CLOSE SYN_SENT, in the thread that calls it. What makes SYN_SENT CLOSE is a refusal
or an error of the network, in whatever ran just then, or the end of the socket.

https://docs.kernel.org/trace/events.html, include/trace/events/sock.h
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.model.absence import ParseError
from agent.model.evidence import DialSeen
from agent.parse.trace_event import parse_event

NAME = "inet_sock_set_state"
EVENT = f"sock/{NAME}"
TCP_SYN_SENT, TCP_CLOSE = 2, 7
IPPROTO_TCP = 6
COMM_BYTES = 15

_PAYLOAD = re.compile(
    rb"family=(AF_INET6?) protocol=IPPROTO_TCP sport=([0-9]{1,5}) dport=([0-9]{1,5}) "
    rb"saddr=([0-9.]{7,15}) daddr=([0-9.]{7,15}) saddrv6=([0-9a-f:.]{2,45}) "
    rb"daddrv6=([0-9a-f:.]{2,45}) oldstate=TCP_([A-Z_0-9]+) newstate=TCP_([A-Z_0-9]+)\n?"
)
_FLAGS = re.compile(rb"\] +[^ ]{2}([^ ])[^ ]{1,3} ")
_SERVING = (b"s", b"h", b"H", b"Z", b"z")
_MAPPED = b"::ffff:"


def parse_dial(record: bytes) -> DialSeen | None:
    """One record (`trace_event.split_records`); None if it is another event, or none.

    ParseError if its payload is not known.
    """
    event = parse_event(record)
    if event is None or event.name != NAME.encode():
        return None
    payload = _PAYLOAD.fullmatch(event.payload)
    if payload is None:
        raise ParseError("inet_sock_set_state: 'family= ... oldstate= newstate='", record)
    family, sport, dport, source4, target4, source6, target6, old, new = payload.groups()
    if (old, new) not in ((b"CLOSE", b"SYN_SENT"), (b"SYN_SENT", b"CLOSE")):
        return None
    flags = _FLAGS.search(record[: len(record) - len(event.payload)])
    return DialSeen(
        tid=event.pid,
        local=_address(source6 if family == b"AF_INET6" else source4, sport),
        remote=_address(target6 if family == b"AF_INET6" else target4, dport),
        failed=new == b"CLOSE",
        serving=flags is not None and flags[1] in _SERVING,
        boottime_ns=event.timestamp_us * 1000,
    )


def _address(host: bytes, port: bytes) -> str:
    text = host.removeprefix(_MAPPED).decode()
    return f"[{text}]:{int(port)}" if ":" in text else f"{text}:{int(port)}"


def dial_filter(comms: Iterable[str]) -> str:
    """The kernel's filter for what threads of these names begin, and for all that comes to
    nothing.
    """
    ours = " || ".join(f'COMM == "{comm[:COMM_BYTES]}"' for comm in comms if '"' not in comm)
    begun = f"newstate == {TCP_SYN_SENT} && ({ours})"
    failed = f"oldstate == {TCP_SYN_SENT} && newstate == {TCP_CLOSE}"
    return f"protocol == {IPPROTO_TCP} && (({begun}) || ({failed}))"
