"""Firings of the kernel's pressure triggers, folded into episodes: a beginning and an end each.

A trigger fires once a window for as long as the stall lasts; what an operator wants to know is when
it began and how long it was.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from agent.model.pressure import Episode, Level, Resource, Scope
from agent.model.usage import Pressure

KEPT_EPISODES = 32
_Key = tuple[Scope, Resource]


class Firing(Struct, frozen=True, kw_only=True):
    """What was read when a trigger fired."""

    scope: Scope
    resource: Resource
    boottime_ns: int
    wall_ns: int
    window_us: int
    pressure: Pressure


class _Open(Struct):
    episode: Episode
    before_us: int  # the total before the first firing


class EpisodeFold:
    """Pure; the caller gives the time."""

    def __init__(self, hold_seconds: float) -> None:
        self._hold_ns = int(hold_seconds * 1e9)
        self._open: dict[_Key, _Open] = {}
        self._over: deque[Episode] = deque(maxlen=KEPT_EPISODES)
        self._levels: dict[_Key, deque[tuple[int, int]]] = {}  # (boottime ns, total us)

    @property
    def current(self) -> tuple[Episode, ...]:
        """Those that are not over, oldest first."""
        return tuple(held.episode for held in self._open.values())

    @property
    def last(self) -> tuple[Episode, ...]:
        """Those that are over, newest first."""
        return tuple(reversed(self._over))

    def fired(self, firing: Firing) -> Episode | None:
        """A new episode, if one begins with this."""
        key = (firing.scope, firing.resource)
        held = self._open.get(key)
        avg10 = firing.pressure.some_avg10
        if held is not None:
            held.episode = replace(
                held.episode,
                last_boottime_ns=firing.boottime_ns,
                last_wall_ns=firing.wall_ns,
                peak_avg10=max(held.episode.peak_avg10, avg10),
                stall_us=max(0, firing.pressure.some_us - held.before_us),
                fired=held.episode.fired + 1,
            )
            return None
        at_ns, before_us = self._before(key, firing)
        stall_us = max(0, firing.pressure.some_us - before_us)
        episode = Episode(
            scope=firing.scope,
            resource=firing.resource,
            started_boottime_ns=firing.boottime_ns,
            started_wall_ns=firing.wall_ns,
            last_boottime_ns=firing.boottime_ns,
            last_wall_ns=firing.wall_ns,
            avg10=avg10,
            peak_avg10=avg10,
            window_stall_us=stall_us,
            window_us=max(0, firing.boottime_ns - at_ns) // 1000,
            stall_us=stall_us,
        )
        self._open[key] = _Open(episode, before_us)
        return episode

    def tick(self, now_boottime_ns: int, levels: tuple[Level, ...]) -> list[Episode]:
        """What was read now; returns the episodes that are over with it."""
        for level in levels:
            key = (level.scope, level.resource)
            self._levels.setdefault(key, deque(maxlen=16)).append(
                (now_boottime_ns, level.pressure.some_us)
            )
            held = self._open.get(key)
            if held is not None:
                peak = max(held.episode.peak_avg10, level.pressure.some_avg10)
                held.episode = replace(held.episode, peak_avg10=peak)
        ended = []
        for key, held in list(self._open.items()):
            if now_boottime_ns - held.episode.last_boottime_ns >= self._hold_ns:
                del self._open[key]
                over = replace(held.episode, over=True)
                self._over.append(over)
                ended.append(over)
        return ended

    def _before(self, key: _Key, firing: Firing) -> tuple[int, int]:
        """The youngest reading from before the window, else the oldest that there is."""
        readings = self._levels.get(key)
        if not readings:
            return firing.boottime_ns, firing.pressure.some_us
        begun_ns = firing.boottime_ns - firing.window_us * 1000
        earlier = [reading for reading in readings if reading[0] <= begun_ns]
        return earlier[-1] if earlier else readings[0]
