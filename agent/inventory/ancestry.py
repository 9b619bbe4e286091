"""Which cgroup a process was in at a moment, when it and its cgroup are gone

Fed with what the flight recorder tells (who made whom, who was moved where) and with scans of the
cgroups' own lists. A process begins in its parent's cgroup, so the walk goes from pid to parent,
each at the time of the fork, until a move or a scan tells.

Pids are used again. An event later than the moment asked for is not looked at, and an earlier one
counts only while nothing since was missed: whoever feeds this says so with `missed_until`.

Not safe to use from two threads at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import NamedTuple

from agent.model.lineage import Forked, Marked, Moved
from agent.model.oom import Attribution

MAX_PIDS = 1 << 16
"""Pids with events that are remembered, the latest; some 25 MB of them at the most."""

EVENTS_OF_A_PID = 8
SCANS = 3
MARKS = 4096
MARK_NEAR_US = 5_000_000
"""How far the clock of whoever asks may be from the recorder's (kmsg's drifts from all others)."""
GENERATIONS = 64
"""How far a walk goes up; shells in shells in shells are fewer, and a circle must end."""


class Found(NamedTuple):
    """Where a process was."""

    inode: int  # of the cgroup, 0 if only the path is known
    path: str
    attribution: Attribution  # RECORDER or SCAN: on what the answer rests


class Scan(NamedTuple):
    """Who was in which cgroup at one moment."""

    timestamp_us: int  # when the scan began
    paths: Mapping[int, str]  # by pid


class Ancestry:
    """A bounded memory of forks, moves and scans; times are microseconds of CLOCK_BOOTTIME."""

    def __init__(self, *, max_pids: int = MAX_PIDS) -> None:
        self._max_pids = max_pids
        self._events: OrderedDict[int, list[Forked | Moved]] = OrderedDict()  # latest heard last
        self._scans: deque[Scan] = deque(maxlen=SCANS)
        self._marks: deque[Marked] = deque(maxlen=MARKS)
        self._since_us = 0

    def __len__(self) -> int:
        """Pids of which events are remembered."""
        return len(self._events)

    def hear(self, event: Forked | Moved | Marked) -> None:
        """Take one event. Hearing of the same one again changes nothing."""
        if isinstance(event, Marked):
            self._marks.append(event)
            return
        pid = event.child if isinstance(event, Forked) else event.pid
        events = self._events.get(pid)
        if events is None:
            self._events[pid] = [event]
            if len(self._events) > self._max_pids:
                _, forgotten = self._events.popitem(last=False)
                self._since_us = max(self._since_us, forgotten[-1].timestamp_us)
            return
        self._events.move_to_end(pid)
        if event.timestamp_us > events[-1].timestamp_us:
            events.append(event)
        elif event not in events:
            events.insert(bisect_right(events, event.timestamp_us, key=_time), event)
        del events[:-EVENTS_OF_A_PID]

    def scanned(self, scan: Scan) -> None:
        """Take a scan; the last few are kept."""
        self._scans.append(scan)

    def missed_until(self, timestamp_us: int) -> None:
        """Events before this moment were missed: what was known before it may have changed."""
        self._since_us = max(self._since_us, timestamp_us)  # what was forgotten stays forgotten
        for pid, events in list(self._events.items()):
            del events[: bisect_right(events, timestamp_us - 1, key=_time)]
            if not events:
                del self._events[pid]
        while self._scans and self._scans[0].timestamp_us < timestamp_us:
            self._scans.popleft()

    def victim(self, pid: int, killed_us: int) -> Found | None:
        """The cgroup of a victim of the OOM killer, whose kill another clock tells; None if
        nothing tells.
        """
        marks = (mark.timestamp_us for mark in self._marks if mark.pid == pid)
        at_us = min(marks, key=lambda mark_us: abs(mark_us - killed_us), default=killed_us)
        return self.find(pid, at_us if abs(at_us - killed_us) < MARK_NEAR_US else killed_us)

    def find(self, pid: int, at_us: int) -> Found | None:
        """The cgroup of `pid` at that moment; None if nothing tells."""
        for _ in range(GENERATIONS):
            event = self._before(pid, at_us)
            event_us = event.timestamp_us if event is not None else self._since_us
            path = self._scanned_between(pid, event_us, at_us) or self._seen_after(pid, at_us)
            if path is not None:
                return Found(0, path, Attribution.SCAN)
            match event:
                case None:
                    return None
                case Moved(inode=0) | Forked(elsewhere=True):
                    return None
                case Moved():
                    return Found(event.inode, event.path, Attribution.RECORDER)
                case Forked(thread=True):
                    pid = event.parent  # moves of the process take its threads along
                case Forked():
                    pid, at_us = event.parent, event.timestamp_us
        return None

    def _before(self, pid: int, at_us: int) -> Forked | Moved | None:
        events = self._events.get(pid, ())
        index = bisect_right(events, at_us, key=_time)
        return events[index - 1] if index else None

    def _scanned_between(self, pid: int, since_us: int, at_us: int) -> str | None:
        """The latest scan in that time that has it."""
        for scan in reversed(self._scans):
            if since_us <= scan.timestamp_us <= at_us and pid in scan.paths:
                return scan.paths[pid]
        return None

    def _seen_after(self, pid: int, at_us: int) -> str | None:
        """The first scan after the moment that has it, if nothing is known to lie between, and
        nothing was missed.
        """
        if at_us < self._since_us:
            return None
        events = self._events.get(pid, ())
        index = bisect_right(events, at_us, key=_time)
        next_us = events[index].timestamp_us if index < len(events) else None
        for scan in self._scans:
            if scan.timestamp_us > at_us and pid in scan.paths:
                if next_us is None or scan.timestamp_us < next_us:
                    return scan.paths[pid]
                return None
        return None


def _time(event: Forked | Moved) -> int:
    return event.timestamp_us
