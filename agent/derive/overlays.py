"""Devices that carry packets to other nodes: pure folds over what is there at each look.

A device counts once it has been up for two looks: what is made and removed at once was never used.
One that has vanished is forgotten when another has come up since, as when a CNI is replaced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from agent.model.netlink import Link
from agent.model.plumbing import Flapping, Overlay, OverlayState

KINDS = frozenset(
    {"vxlan", "geneve", "ipip", "sit", "gre", "gretap", "ip6tnl", "ip6gre", "wireguard"}
)
HARDWARE = frozenset({"", "bond", "team", "vlan"})
"""Kinds of devices whose carrier is a cable's; a bridge has it only while it has a port."""
SETTLED_LOOKS = 2
FORGET_NS = 3600 * 1_000_000_000
FLAP_WINDOW_NS = 600 * 1_000_000_000
FLAP_CHANGES = 6
"""Three times lost and got again."""


class _Kept(Struct):
    kind: str
    since_ns: int
    state: OverlayState = OverlayState.UP
    looks: int = 0  # that have found it up, one after the other


class OverlayFold:
    """Knows each device by its name: a CNI makes it anew under the same one."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def take(self, links: Iterable[Link], now_ns: int) -> tuple[Overlay, ...]:
        """One look at all devices of the host."""
        there = {link.name: link for link in links if link.kind in KINDS}
        for name, link in there.items():
            self._seen(name, link, now_ns)
        newest = max((k.since_ns for k in self._kept.values() if _is_up(k)), default=0)
        for name, kept in list(self._kept.items()):
            if name not in there:
                if kept.looks < SETTLED_LOOKS and kept.state is OverlayState.UP:
                    del self._kept[name]
                    continue
                if kept.state is not OverlayState.VANISHED:
                    kept.state, kept.since_ns = OverlayState.VANISHED, now_ns
                if kept.since_ns < newest or now_ns - kept.since_ns >= FORGET_NS:
                    del self._kept[name]
        return tuple(
            Overlay(name=name, kind=kept.kind, state=kept.state, since_boottime_ns=kept.since_ns)
            for name, kept in sorted(self._kept.items())
            if kept.looks >= SETTLED_LOOKS or kept.state is not OverlayState.UP
        )

    def _seen(self, name: str, link: Link, now_ns: int) -> None:
        up = link.up and link.carrier is not False
        kept = self._kept.get(name)
        if kept is None or (kept.kind != link.kind and up):
            if up:
                self._kept[name] = _Kept(kind=link.kind, since_ns=now_ns, looks=1)
            return
        state = OverlayState.UP if up else OverlayState.DOWN
        if state is not kept.state:
            if kept.state is OverlayState.UP and kept.looks < SETTLED_LOOKS:
                del self._kept[name]
                return
            kept.state, kept.since_ns, kept.looks = state, now_ns, SETTLED_LOOKS
        elif up:
            kept.looks += 1


def _is_up(kept: _Kept) -> bool:
    return kept.state is OverlayState.UP


class FlapFold:
    """How often devices with a cable have lost and got their carrier."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], deque[tuple[int, int]]] = {}

    def take(self, links: Iterable[Link], now_ns: int) -> tuple[Flapping, ...]:
        """One look; those that flap."""
        former, self._kept = self._kept, {}
        found = []
        for link in links:
            changes = link.carrier_changes
            if changes is None or link.loopback or link.kind not in HARDWARE:
                continue
            key = (link.index, link.name)
            kept = former.get(key) or deque()
            if kept and changes < kept[-1][1]:
                kept.clear()  # another device, of the same index and name
            kept.append((now_ns, changes))
            while len(kept) > 2 and now_ns - kept[1][0] >= FLAP_WINDOW_NS:
                kept.popleft()
            self._kept[key] = kept
            if changes - kept[0][1] >= FLAP_CHANGES:
                seconds = (now_ns - kept[0][0]) / 1e9
                number = changes - kept[0][1]
                found.append(
                    Flapping(name=link.name, kind=link.kind, changes=number, window_seconds=seconds)
                )
        return tuple(found)
