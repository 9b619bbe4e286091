"""Whom a process dials in vain: a fold over its sockets in SYN-SENT, and over dials that failed.

A destination that has answered is forgotten; so is one that was dialled no more for a while.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from agent.model.heartbeat import Destination, Trouble, Watched

FORGET_NS = 60 * 1_000_000_000
"""The kubelet tries again within 30 s at most."""
MAX_DESTINATIONS = 256
MAX_COUNTED = 1024


class _Failing(Struct, kw_only=True):
    first_ns: int
    last_ns: int
    unanswered: int = 0
    refused: int = 0
    dialling: int = 0
    refuses: bool = False
    counted: dict[str, None] = field(default_factory=dict)  # local addresses, oldest first


class Destinations(Struct, kw_only=True):
    """Of one process."""

    _known: dict[str, _Failing] = field(default_factory=dict)

    def take(self, seen: Iterable[Watched], now_ns: int) -> tuple[Destination, ...]:
        """What fails now; those with most failures first."""
        for failing in self._known.values():
            failing.dialling = 0
        answered: dict[str, int] = {}
        for each in seen:
            remote = each.connection.remote
            if not each.connection.dialling:
                answered[remote] = max(each.connected_boottime_ns, answered.get(remote, 0))
            elif each.trouble is Trouble.DIALLING:
                self._dialling(each, now_ns)
        for remote, failing in list(self._known.items()):
            old = now_ns - failing.last_ns >= FORGET_NS
            if old or answered.get(remote, 0) > failing.last_ns:
                del self._known[remote]
        found = [_destination(remote, failing) for remote, failing in self._known.items()]
        return tuple(sorted(found, key=lambda d: (-d.failures, d.remote)))

    def failed(self, remote: str, local: str, at_ns: int, *, refused: bool) -> None:
        """A dial from this address was refused, or could not be brought there."""
        failing = self._of(remote, at_ns)
        failing.refuses, failing.last_ns = refused, max(failing.last_ns, at_ns)
        if refused:
            failing.refused += 1
        else:
            _count(failing, local)

    def _dialling(self, watched: Watched, now_ns: int) -> None:
        connection, since = watched.connection, watched.since_boottime_ns
        failing = self._of(connection.remote, since)
        failing.first_ns = min(failing.first_ns, since)
        failing.last_ns, failing.refuses = now_ns, False
        failing.dialling += 1
        _count(failing, connection.local)

    def _of(self, remote: str, at_ns: int) -> _Failing:
        failing = self._known.get(remote)
        if failing is None:
            if len(self._known) >= MAX_DESTINATIONS:
                oldest = min(self._known, key=lambda name: self._known[name].last_ns)
                del self._known[oldest]
            failing = self._known[remote] = _Failing(first_ns=at_ns, last_ns=at_ns)
        return failing


def _count(failing: _Failing, local: str) -> None:
    """Each dial once: it may be seen under way, more than once, and be told when it fails."""
    if local not in failing.counted:
        failing.unanswered += 1
        failing.counted[local] = None
        if len(failing.counted) > MAX_COUNTED:
            del failing.counted[next(iter(failing.counted))]


def _destination(remote: str, failing: _Failing) -> Destination:
    return Destination(
        remote=remote,
        first_boottime_ns=failing.first_ns,
        last_boottime_ns=failing.last_ns,
        unanswered=failing.unanswered,
        refused=failing.refused,
        dialling=failing.dialling,
        refuses=failing.refuses,
    )
