"""What is wrong with each connection, and for how long: a fold over looks at the kernel's sockets.

The kernel does not tell when the oldest byte was sent that waits for its acknowledgement. But each
timeout is twice the one before, so the present one says how much time has passed at least; beyond
that counts when we saw it first.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from agent.model.heartbeat import Connection, Trouble, Watched

DIAL_RETRANSMITS = 2
"""Of a SYN: 2 s without an answer, or 3. One may get lost, or come before a REJECT of our own."""
SYN_SECONDS = 1.0
"""Between two SYNs at least: since Linux 6.5 the first ones are no further apart each time."""
LATER_SECONDS = 1.0
"""Data that is sent so long after data came is no mere part of the same exchange."""


class _Memory(Struct):
    connected_ns: int = 0
    trouble: Trouble | None = None
    since_ns: int = 0


class StalledConnections(Struct, kw_only=True):
    """Remembers the sockets of one process by their cookies."""

    answers: bool  # whether data that was sent must bring data back
    _known: dict[int, _Memory] = field(default_factory=dict)

    def take(self, seen: Iterable[Connection], now_ns: int) -> tuple[Watched, ...]:
        """All that are there now; the longest in trouble first."""
        known: dict[int, _Memory] = {}
        found = []
        for each in seen:
            memory = self._known.get(each.cookie) or _Memory()
            if not each.dialling and not memory.connected_ns:
                memory.connected_ns = now_ns
            known[each.cookie] = memory
            trouble, seconds = _trouble(each, answers=self.answers)
            since = now_ns - int(seconds * 1e9)
            if trouble is not memory.trouble:
                memory.trouble, memory.since_ns = trouble, since
            memory.since_ns = min(memory.since_ns, since)
            found.append(
                Watched(
                    connection=each,
                    connected_boottime_ns=memory.connected_ns,
                    trouble=trouble,
                    since_boottime_ns=memory.since_ns if trouble is not None else 0,
                )
            )
        self._known = known
        return tuple(sorted(found, key=_order))


def _order(watched: Watched) -> tuple[bool, int, str]:
    return watched.trouble is None, watched.since_boottime_ns, watched.connection.remote


def _trouble(each: Connection, *, answers: bool) -> tuple[Trouble | None, float]:
    """What is wrong, and for how many seconds at least."""
    waited = each.rto_seconds * (1 - 0.5**each.backoff)  # 1 + 2 + 4 ... of the first timeout
    if each.dialling:
        late = each.retransmits >= DIAL_RETRANSMITS
        waited = max(waited, each.retransmits * SYN_SECONDS)
        return (Trouble.DIALLING, waited) if late else (None, 0.0)
    if each.unacked and each.retransmits:
        return Trouble.UNACKNOWLEDGED, waited
    if each.queued_bytes and each.probes > 1:
        return Trouble.WINDOW_CLOSED, waited
    later = each.since_received_seconds - each.since_sent_seconds
    if answers and later >= LATER_SECONDS:
        return Trouble.UNANSWERED, each.since_sent_seconds
    return None, 0.0
