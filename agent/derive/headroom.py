"""Headroom: each eviction signal against its thresholds, its trend, and since when it is crossed.

A pure fold over readings: one thread, no clock of its own. What was not read is told as absent,
a gap is never a crossing, and a crossing outlasts a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from agent.derive.trend import SAWTOOTH, SAWTOOTH_SECONDS, deepest_fall, seconds_until, trend
from agent.model.memory import (
    FormChoice,
    Headroom,
    Readings,
    Room,
    Signal,
    Threshold,
    Trend,
)

NS = 1_000_000_000
LOOK_BACK_NS = 60 * NS
"""The kubelet looks every 10 s at figures up to 10 s old, and ranks, kills and waits after that: a
pod that it evicts dies up to so long after the crossing."""
_KEEP_CROSSINGS_NS = 3600 * NS
_MAX_CROSSINGS = 1000


class HeadroomFold:
    """Holds the windows. All times are CLOCK_BOOTTIME in ns."""

    def __init__(self) -> None:
        self._levels: dict[Signal, deque[tuple[int, int]]] = {}
        self._since: dict[tuple[Signal, bool], tuple[int, int]] = {}
        self._clear: dict[tuple[Signal, bool], int] = {}
        self._crossings: deque[tuple[int, int]] = deque(maxlen=_MAX_CROSSINGS)  # (from, until)
        self._first_ns: int | None = None  # memory.available was read, without a long gap since
        self._last_ns: int | None = None

    def observe(
        self, readings: Readings, thresholds: Sequence[Threshold], choice: FormChoice
    ) -> tuple[Headroom, ...]:
        """One round of readings. Signals with two thresholds come twice, the hard one first."""
        rooms = dict(readings.rooms)
        memory = memory_room(readings, choice)
        if memory is not None:
            rooms[Signal.MEMORY] = memory
            self._read_at(readings.boottime_ns)
        lines = {
            signal: self._trend(signal, readings.boottime_ns, room.available)
            for signal, room in rooms.items()
        }
        told = {threshold.signal for threshold in thresholds}
        absent = {signal: absent.detail for signal, absent in readings.absent}
        paths = dict(readings.paths)
        found = [
            self._headroom(readings, threshold.signal, threshold, rooms, lines, absent, paths)
            for threshold in thresholds
        ]
        found += [
            self._headroom(readings, signal, None, rooms, lines, absent, paths)
            for signal in Signal
            if signal not in told and (signal in rooms or signal in absent)
        ]
        order = list(Signal)
        found.sort(key=lambda headroom: order.index(headroom.signal))
        now = {(t.signal, t.hard) for t in thresholds}
        for gone in self._since.keys() - now:
            del self._since[gone]
        for gone in self._clear.keys() - now:
            del self._clear[gone]
        return tuple(found)

    def pressure_crossed(self, at_boottime_ns: int) -> bool | None:
        """Whether a threshold was crossed then or up to LOOK_BACK_NS before.

        None: nobody looked all that time, and what was seen of it says no.
        """
        begin = at_boottime_ns - LOOK_BACK_NS
        if any(since <= at_boottime_ns for since, _ in self._since.values()):
            return True
        if any(start <= at_boottime_ns and end >= begin for start, end in self._crossings):
            return True
        if self._first_ns is None or self._last_ns is None:
            return None
        looked = self._first_ns <= begin and self._last_ns >= at_boottime_ns - 10 * NS
        return False if looked else None

    def _headroom(
        self,
        readings: Readings,
        signal: Signal,
        threshold: Threshold | None,
        rooms: Mapping[Signal, Room],
        lines: Mapping[Signal, Trend | None],
        absent: Mapping[Signal, str],
        paths: Mapping[Signal, str],
    ) -> Headroom:
        room, where = rooms.get(signal), paths.get(signal, "")
        if room is None:  # what was crossed when it was last read stays so
            since = None
            if threshold is not None:
                since = self._since.get((signal, threshold.hard))
                self._clear.pop((signal, threshold.hard), None)
            return Headroom(
                signal=signal,
                threshold=threshold,
                where=where,
                absent=absent.get(signal, "not read"),
                crossed_since_boottime_ns=None if since is None else since[0],
                crossed_since_wall_ns=None if since is None else since[1],
            )
        line = lines[signal]
        if threshold is None:  # nobody evicts for it: what is left until there is none
            return Headroom(
                signal=signal,
                room=room,
                where=where,
                trend=line,
                seconds_left=seconds_until(room.available, 0, line),
            )
        amount = threshold.amount(room.capacity)
        key = (signal, threshold.hard)
        if room.available < amount:  # thresholdsMet: strictly less
            self._since.setdefault(key, (readings.boottime_ns, readings.wall_ns))
            self._clear.pop(key, None)
        else:
            self._ended(key, readings.boottime_ns)
            self._clear.setdefault(key, readings.boottime_ns)
        since = self._since.get(key)
        return Headroom(
            signal=signal,
            room=room,
            where=where,
            threshold=threshold,
            amount=amount,
            trend=line,
            seconds_left=seconds_until(room.available, amount, line),
            crossed_since_boottime_ns=None if since is None else since[0],
            crossed_since_wall_ns=None if since is None else since[1],
            clear_since_boottime_ns=self._clear.get(key),
        )

    def _ended(self, key: tuple[Signal, bool], now_ns: int) -> None:
        since = self._since.pop(key, None)
        if since is not None:
            self._crossings.append((since[0], now_ns))
            while self._crossings and self._crossings[0][1] < now_ns - _KEEP_CROSSINGS_NS:
                self._crossings.popleft()

    def _trend(self, signal: Signal, now_ns: int, level: int) -> Trend | None:
        """None too of what falls and has lately risen by as much, as caches and batches make it."""
        levels = self._levels.setdefault(signal, deque())
        levels.append((now_ns, level))
        while now_ns - levels[0][0] > SAWTOOTH_SECONDS * NS:
            levels.popleft()
        line = trend(levels)
        if line is None or line.per_second >= 0:
            return line
        fallen = -line.per_second * line.window_seconds
        risen = deepest_fall(-level for _, level in levels)
        return None if risen > SAWTOOTH * fallen else line

    def _read_at(self, now_ns: int) -> None:
        if self._last_ns is None or now_ns - self._last_ns > 30 * NS:
            self._first_ns = now_ns
        self._last_ns = now_ns


def memory_room(readings: Readings, choice: FormChoice) -> Room | None:
    """memory.available in the chosen form; None while the root was not read."""
    if readings.root is None:
        return None
    available = readings.root.available(choice.form)
    return None if available is None else Room(available=available, capacity=readings.root.total)
