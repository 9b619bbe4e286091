"""In how many looks one after the other a pod's network was found broken at the same step. Pure.

What a CNI changes just then is seen half done in one look, and in the next if that comes at once:
only looks that are `apart_ns` from each other are counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from agent.model.network import PodNetwork


def counted(
    pod: PodNetwork, before: Iterable[PodNetwork], now_ns: int, apart_ns: int
) -> PodNetwork:
    """The pod of this look, with the count; `before`: those of the look before it."""
    if pod.broken is None:
        return pod
    last = next((each for each in before if _key(each) == _key(pod)), None)
    if last is None or last.broken is None or last.broken.step is not pod.broken.step:
        return replace(pod, broken_looks=1, counted_boottime_ns=now_ns)
    if now_ns - last.counted_boottime_ns < apart_ns:
        looks, since = last.broken_looks, last.counted_boottime_ns
    else:
        looks, since = last.broken_looks + 1, now_ns
    return replace(pod, broken_looks=looks, counted_boottime_ns=since)


def _key(pod: PodNetwork) -> tuple[str, int, int | None]:
    return pod.pod.pod_uid, pod.inode, pod.cookie
