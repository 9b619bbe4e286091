"""Counts that no line of kmsg explains: traced victims stand in for them, then the cgroups' own
counters; what is left is unattributed.
"""

from __future__ import annotations

from collections import OrderedDict

from agent.ledger.attribution import victim_of_trace, with_trace
from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.probed import limited
from agent.ledger.tally import Tally
from agent.model.cgroup import CgroupLevel
from agent.model.evidence import TraceSeen
from agent.model.oom import Attribution, Outcome, Victim, Witness

CANDIDATE_NS = 30_000_000_000
"""A traced victim that nothing counted for so long was a task that was dying already."""

COUNTER_NS = 3_000_000_000
"""How long before its kill is noticed a cgroup's counter may have been seen to rise."""


class Orphans:
    """Holds the traced victims that no line came for, yet."""

    def __init__(self, *, book: IncidentBook, tally: Tally, levels: Levels) -> None:
        self._book = book
        self._tally = tally
        self._levels = levels
        self._candidates: OrderedDict[int, tuple[int, TraceSeen]] = OrderedDict()

    def put(self, seen: TraceSeen, now_ns: int) -> None:
        """A traced victim: a candidate only, for nothing has counted it."""
        self._candidates[seen.victim.pid] = (now_ns, seen)

    def of(self, pid: int, boottime_ns: int, within_ns: int) -> TraceSeen | None:
        """The candidate of this pid and time; it stays one."""
        _, seen = self._candidates.get(pid, (0, None))
        if seen is None or abs(seen.boottime_ns - boottime_ns) >= within_ns:
            return None
        return seen

    def take(self, pid: int, boottime_ns: int, within_ns: int) -> TraceSeen | None:
        """The candidate of this pid and time, for its line has come."""
        seen = self.of(pid, boottime_ns, within_ns)
        if seen is not None:
            del self._candidates[pid]
        return seen

    def keep(self, most: int) -> None:
        """Forget all candidates but the latest `most`."""
        for pid in sorted(
            self._candidates,
            key=lambda pid: self._candidates[pid][1].boottime_ns,
            reverse=True,
        )[most:]:
            del self._candidates[pid]

    def judge(self, now_ns: int) -> None:
        """Find the cgroups that are overdue, then explain the counts that are, as far as
        it goes.
        """
        for entry in self._book.unplaced():
            if now_ns - entry.opened_ns >= self._tally.settle_ns:
                self._place_by_counter(entry, entry.opened_ns - COUNTER_NS)
        overdue = self._tally.overdue(now_ns)
        overdue -= self.book_candidates(overdue, now_ns)
        overdue -= self._book_excess(overdue, now_ns)
        if overdue > 0:
            self._book_unattributed(overdue, now_ns)
        while self._candidates and now_ns - next(iter(self._candidates.values()))[0] > CANDIDATE_NS:
            self._candidates.popitem(last=False)

    def book_candidates(self, most: int, now_ns: int) -> int:
        """Book up to `most` traced victims, oldest first; returns how many."""
        booked = 0
        while booked < most and self._candidates:
            pid, (_, seen) = self._candidates.popitem(last=False)
            origin = f"t{seen.boottime_ns // 1000}-{pid}"
            entry = self._book.open(origin, seen.boottime_ns, now_ns)
            self._book.add_victim(entry, with_trace(victim_of_trace(seen.victim), seen))
            limited(self._book, entry, seen.probe)
            booked += 1
        return booked

    def _book_excess(self, most: int, now_ns: int) -> int:
        """Book counts on cgroups that count more than the books, lowest first; returns how many.
        Those come first that stood there when the agent first ran on this boot.
        """
        booked = 0
        while booked < most:
            place, inode, count, excess = next(
                iter(self._levels.excess(now_ns - self._tally.settle_ns - COUNTER_NS)),
                (None, 0, 0, 0),
            )
            if place is None:
                break
            victim = Victim(
                cgroup=place.path,
                attribution=Attribution.COUNTER,
                witnesses=(Witness.MEMORY_EVENTS,),
            )
            counts = min(excess, most - booked)
            early = self._tally.before_first_run(min(counts, self._levels.early(place.path)))
            for ordinal, noticed_ns, kills in (
                (count - excess + early, self._first_ns(now_ns) - 1, early),
                (count, now_ns, counts - early),
            ):
                for _ in range(kills):
                    entry = self._book.open(f"c{inode}-{ordinal}", noticed_ns, now_ns)
                    self._book.add_victim(entry, victim)
            booked += counts
        return booked

    def _book_unattributed(self, count: int, now_ns: int) -> None:
        early = self._tally.before_first_run(count)
        for counts, noticed_ns in ((early, self._first_ns(now_ns) - 1), (count - early, now_ns)):
            if counts:
                entry = self._book.open(f"c0-{self._tally.explained + 1}", noticed_ns, now_ns)
                self._tally.unknown(entry.early, counts)
                self._book.amend(entry, unattributed=True, counted=counts, outcome=Outcome.UNKNOWN)

    def _first_ns(self, now_ns: int) -> int:
        return now_ns if self._tally.first_run_ns is None else self._tally.first_run_ns

    def _place_by_counter(self, entry: Entry, since_ns: int) -> None:
        """The victims' cgroup is in the one pod that counts more than its books, if there is one.

        It is a container only if that counts all of its pod's excess: else some of those kills were
        in a container that is gone, and the pod, whose counter outlives it, is all we know.
        """
        lost = sum(1 for victim in entry.incident.victims if not victim.cgroup)
        risen = self._levels.excess(since_ns, before_start=not entry.live)
        enough = [(place, excess) for place, _, _, excess in risen if excess >= lost]
        containers = [row for row in enough if row[0].level is CgroupLevel.CONTAINER]
        pods = [row for row in enough if row[0].level is CgroupLevel.POD]
        if pods:  # v1 counts nothing at a pod
            containers = [row for row in containers if row[1] == pods[0][1]]
        for found in (containers, pods):
            if len(pods) <= 1 and len(found) == 1:
                self._book.place_victims(entry, found[0][0].path, Attribution.COUNTER)
                return
        self._book.give_up(entry)
