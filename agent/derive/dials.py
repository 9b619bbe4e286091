"""Which failed connections were dials of the kubelet or of the API server, and how they failed.

The kernel tells who begins a connection, and of a failure only where it was to: it belongs to whom
has begun one there last. That is at most mistaken in whose refusal it was, not in who refuses.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

AT_ONCE_NS = 500_000_000
"""An answer that comes so soon is the peer's, in whatever the kernel does just then."""
REJECTED_NS = 1_500_000_000
"""A REJECT on our own node, as kube-proxy has it for a Service without endpoints, comes while
connect(2) holds the socket. Who does not block then sees it at once in poll(2) and closes the
socket; else the kernel ends it with the SYN that is sent again, after 1 s. That a neighbour does
not answer is known after 3.
"""
MAX_REMOTES = 512
MAX_EACH = 64

Caller = tuple[int, int]


class Dials(Struct, kw_only=True):
    """Remembers the last dials to each address. `caller`: pid and start."""

    _begun: dict[str, deque[tuple[Caller, int]]] = field(default_factory=dict)

    def begun(self, caller: Caller, remote: str, at_ns: int) -> None:
        """A caller of ours has begun a connection."""
        each = self._begun.pop(remote, None) or deque(maxlen=MAX_EACH)
        each.append((caller, at_ns))
        self._begun[remote] = each  # the last one dialled is the last one to be forgotten
        if len(self._begun) > MAX_REMOTES:
            del self._begun[next(iter(self._begun))]

    def failed(self, remote: str, at_ns: int, *, serving: bool) -> tuple[Caller, bool] | None:
        """A connection has failed: whose it was, if it was one of ours, and whether it was refused;
        else the network has said that it cannot be reached, or the kernel has given it up.

        None also of one that its owner gave up.
        """
        each = self._begun.get(remote)
        if not each:
            return None
        caller, begun_ns = each.pop()
        if not each:
            del self._begun[remote]
        refused = at_ns - begun_ns < (REJECTED_NS if serving else AT_ONCE_NS)
        return (caller, refused) if refused or serving else None
