"""Whether pods get a network, from the calls themselves.

The rule is continuity and no success at all, never a count of errors: while some ADDs succeed, a
call that hangs or fails is that call's own trouble. Delegates and other commands say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.model.cni import ADD, CallState, CNICall, NetworkHealth, NetworkState, result

WINDOW_NS = 600 * 1_000_000_000
"""How far back failures and successes are held against each other."""
MIN_CALLS = 3
"""So many failures in a row, the last not long ago, are a network that does not work; and so are so
many calls that hang. One that hangs alone is, unless an ADD that was begun later has succeeded.
"""


def network_health(
    calls: Iterable[CNICall], now_ns: int, *, slow_ns: int, stalled_ns: int
) -> NetworkHealth:
    """Of the calls that are known, in any order."""
    adds = [call for call in calls if call.command == ADD and call.delegated_by is None]
    ended = [(call, call.ended_boottime_ns or 0) for call in adds if not call.running]
    successes = [(at, call) for call, at in ended if result(call) is CallState.OK]
    good = [at for at, _ in successes]
    last_try_that_worked = max((call.started_boottime_ns for _, call in successes), default=0)
    bad = [(call, at) for call, at in ended if result(call) is CallState.FAILED]
    last_good = max(good, default=None)
    after = 0 if last_good is None else last_good
    failed = sorted(at for call, at in bad if at > after)
    running = sorted(call.started_boottime_ns for call in adds if call.running)
    starts = [*running, *(call.started_boottime_ns for call, at in bad if at > after)]
    since = max(after, min(starts)) if starts else None

    def health(state: NetworkState) -> NetworkHealth:
        return NetworkHealth(
            state=state,
            since_boottime_ns=since if state is NetworkState.WEDGED else None,
            failed=len(failed),
            succeeded_boottime_ns=last_good,
        )

    if since is not None and now_ns - since >= stalled_ns:
        hung = [start for start in running if now_ns - start >= stalled_ns]
        hangs = len(hung) >= MIN_CALLS or any(start >= last_try_that_worked for start in hung)
        last_try = max([*failed, *running])
        fails = len(failed) >= MIN_CALLS and now_ns - last_try < stalled_ns
        if hangs or fails:
            return health(NetworkState.WEDGED)
    if running and now_ns - running[0] >= slow_ns:
        return health(NetworkState.SLOW)
    recent_bad = any(at > now_ns - WINDOW_NS for _, at in bad)
    recent_good = any(at > now_ns - WINDOW_NS for at in good)
    if recent_bad and recent_good:
        return health(NetworkState.FLAPPING)
    return health(NetworkState.IDLE if last_good is None else NetworkState.WORKING)
