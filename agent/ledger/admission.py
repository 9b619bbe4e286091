"""Which lines of kmsg are believed: those that the kernel's own count covers, each count once.

A line comes a moment after its count (__oom_kill_process, mm/oom_kill.c), so it waits until a count
that was read later covers it. A line that comes late, because kmsg was closed or overrun, takes the
place of what stood for it meanwhile: a victim that only a counter told of, or an unattributed
count. What no count ever covers was not written by the OOM killer.
"""

from __future__ import annotations

from collections import deque

from agent.ledger.attribution import cgroup_of, header_reading
from agent.ledger.calls import Call, Kill
from agent.ledger.incidents import IncidentBook
from agent.ledger.stories import Stories
from agent.ledger.tally import Tally


class Admission:
    """Holds the lines that wait for their count; gives the others to the stories."""

    def __init__(self, *, book: IncidentBook, tally: Tally, stories: Stories, through: int) -> None:
        """`through`: every kill of the kernel's log up to this sequence is in the books."""
        self._book = book
        self._tally = tally
        self._stories = stories
        self._through = through
        self._waiting: deque[tuple[int, Call, Kill]] = deque()  # (since, ...)

    @property
    def through(self) -> int:
        """Every kill of the kernel's log up to this sequence number is in the books."""
        if self._waiting:
            return min(self._through, self._waiting[0][2].sequence - 1)
        return self._through

    def line(self, call: Call, kill: Kill, now_ns: int, *, told_more: bool) -> None:
        """A new kill, or (`told_more`) one that a "Tasks in" line told more about or moved into
        another call.
        """
        for index, (since, _, waiting) in enumerate(self._waiting):
            if waiting is kill:
                self._waiting[index] = (since, call, kill)
                return
        if kill.sequence > self._through:
            self._waiting.append((now_ns, call, kill))
            self.admit(now_ns, late=False)
        elif told_more:  # otherwise the ring is read again
            self._stories.regroup(call, kill, now_ns)

    def admit(self, now_ns: int, *, late: bool) -> None:
        """Book the lines that the kernel's count covers. `late`: the count was read after them."""
        while self._waiting:
            first = self._waiting.popleft()  # a line that breaks the books breaks them once
            _, call, kill = first
            if not self._admitted(call, kill, now_ns, late=late):
                self._waiting.appendleft(first)
                return
            self._through = max(self._through, kill.sequence)

    def expire(self, now_ns: int) -> None:
        """Believe no line that the count did not cover within `settle`."""
        while self._waiting and now_ns - self._waiting[0][0] >= self._tally.settle_ns:
            self._through = max(self._through, self._waiting[0][2].sequence)
            self._waiting.popleft()
            self._tally.disbelieved += 1

    def _admitted(self, call: Call, kill: Kill, now_ns: int, *, late: bool) -> bool:
        """What was noticed after a kill may stand for it; a fresh count is a newer kill's before
        it is that of an old line.
        """
        if self._known_already(call, kill):
            return True
        first = kill.repeat_of is None
        settled_ns = kill.boottime_ns + self._tally.settle_ns
        if first and self._names_the_nameless(call, kill, settled_ns, now_ns):
            return True
        lost = self._book.reclaim_unattributed(kill.boottime_ns, noticed_after=True)
        if lost or self._tally.covers_one_more():
            self._stories.book_line(call, kill, now_ns)
            return True
        if not late:
            return False
        if self._book.reclaim_unattributed(kill.boottime_ns, noticed_after=False):
            self._stories.book_line(call, kill, now_ns)
            return True
        if first and self._names_the_nameless(call, kill, kill.boottime_ns, now_ns):
            return True
        stood_in = self._takes_a_stand_in(kill)
        if stood_in is None:
            return False
        self._book.came_from(self._stories.book_line(call, kill, now_ns), stood_in)
        return True

    def _known_already(self, call: Call, kill: Kill) -> bool:
        """Whether the victim was booked on its trace before its line was read: then that one gets
        what the line tells.
        """
        found = self._stories.find(kill.line.pid, kill.boottime_ns)
        if found is None or kill.repeat_of is not None:
            return False
        entry, index = found
        known = entry.incident.victims[index]
        if known.kmsg_sequence is not None:
            return known.kmsg_sequence == kill.sequence
        self._stories.tell_more(entry, index, call, kill)
        return True

    def _names_the_nameless(self, call: Call, kill: Kill, noticed_ns: int, now_ns: int) -> bool:
        """Give the line to a victim that its own cgroup's counter stands for and nobody has named;
        if nothing tells its cgroup, to the one that a counter stood for at `noticed_ns` or later.
        """
        cgroup, _ = cgroup_of(call, kill, header_reading(call, kill.seen.capture))
        if cgroup:
            found = self._book.held.nameless(cgroup, kill.boottime_ns)
        else:
            found = self._book.held.stand_in(noticed_ns)
        if found is None:
            return False
        if found[0].early is not self._tally.early(kill.boottime_ns):
            found = self._stories.move(*found, call, now_ns)
        self._stories.tell_more(*found, call, kill)
        return True

    def _takes_a_stand_in(self, kill: Kill) -> str | None:
        """Unbook a victim that a counter stands for, in whatever cgroup: it stood for this kill
        wrongly, or for an older one whose line took this one's count. Returns its incident's id.
        """
        found = self._book.held.nameless("", kill.boottime_ns) or self._book.held.nameless("", 0)
        if found is None:
            return None
        self._book.take_victim(*found)
        return found[0].incident.id
