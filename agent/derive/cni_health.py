"""Whether pods get a network, from the calls themselves.

All ADDs for one sandbox are one attempt to give a pod its network: the plugins of a list are
executed one after the other, and it works only if each does. Delegates are their plugin's affair,
and that of the loopback interface, which the runtime orders by itself, is no network.

The rule is continuity and no success at all, never a count of errors: while some attempts succeed,
one that hangs or fails is that pod's own trouble.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.model.cni import ADD, CallState, CNICall, NetworkHealth, NetworkState, result

WINDOW_NS = 600 * 1_000_000_000
"""How far back failures and successes are held against each other."""
MIN_ATTEMPTS = 3
"""So many failures in a row, the last not long ago, are a network that does not work; and so are so
many attempts that hang. One that hangs alone is, unless one that was begun later has succeeded.
"""
LOOPBACK = "lo"


class _Attempt(NamedTuple):
    start_ns: int
    end_ns: int
    running: bool
    results: frozenset[CallState]

    @property
    def good(self) -> bool:
        return not self.running and self.results == {CallState.OK}

    @property
    def bad(self) -> bool:
        return not self.running and CallState.FAILED in self.results


def network_health(
    calls: Iterable[CNICall], now_ns: int, *, slow_ns: int, stalled_ns: int
) -> NetworkHealth:
    """Of the calls that are known, in any order."""
    attempts = _attempts(calls)
    good = [attempt for attempt in attempts if attempt.good]
    bad = [attempt for attempt in attempts if attempt.bad]
    running = sorted(attempt.start_ns for attempt in attempts if attempt.running)
    last_good_ns = max((attempt.end_ns for attempt in good), default=None)
    after_ns = 0 if last_good_ns is None else last_good_ns
    failed = [attempt for attempt in bad if attempt.end_ns > after_ns]
    starts = [*running, *(attempt.start_ns for attempt in failed)]
    since_ns = max(after_ns, min(starts)) if starts else None

    def health(state: NetworkState) -> NetworkHealth:
        return NetworkHealth(
            state=state,
            since_boottime_ns=since_ns if state is NetworkState.WEDGED else None,
            failed=len(failed),
            succeeded_boottime_ns=last_good_ns,
        )

    if since_ns is not None and now_ns - since_ns >= stalled_ns:
        hung = [start for start in running if now_ns - start >= stalled_ns]
        worked_ns = max((attempt.start_ns for attempt in good), default=0)
        hangs = len(hung) >= MIN_ATTEMPTS or any(start >= worked_ns for start in hung)
        last_try_ns = max([*running, *(attempt.end_ns for attempt in failed)])
        if hangs or (len(failed) >= MIN_ATTEMPTS and now_ns - last_try_ns < stalled_ns):
            return health(NetworkState.WEDGED)
    if running and now_ns - running[0] >= slow_ns:
        return health(NetworkState.SLOW)
    window_ns = now_ns - WINDOW_NS
    if any(a.end_ns > window_ns for a in bad) and any(a.end_ns > window_ns for a in good):
        return health(NetworkState.FLAPPING)
    return health(NetworkState.IDLE if last_good_ns is None else NetworkState.WORKING)


def _attempts(calls: Iterable[CNICall]) -> list[_Attempt]:
    of_one: dict[str | int, list[CNICall]] = {}
    for call in calls:
        own = call.delegated_by is None and call.interface != LOOPBACK
        if call.command == ADD and own:
            of_one.setdefault(call.container_id or call.pid, []).append(call)
    return [
        _Attempt(
            start_ns=min(call.started_boottime_ns for call in adds),
            end_ns=max(call.ended_boottime_ns or 0 for call in adds),
            running=any(call.running for call in adds),
            results=frozenset(result(call) for call in adds if not call.running),
        )
        for adds in of_one.values()
    ]
