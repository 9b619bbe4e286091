"""What the evidence tells of each victim: line, tracepoint, capture, probe, exit, joined by pid.

The kernel writes "Killed process" after mark_victim and before the exit, but each comes by a way of
its own, so they arrive in any order.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from agent.ledger.attribution import (
    cgroup_of,
    header_reading,
    limit_of,
    placed,
    victim_of_line,
    with_capture,
    with_trace,
    witnessed,
)
from agent.ledger.calls import Call, Kill
from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.orphans import Orphans
from agent.ledger.probed import limited
from agent.ledger.tally import Tally
from agent.model.evidence import ExitSeen, PlacesSeen, TraceSeen
from agent.model.kmsg import OOMSummary
from agent.model.oom import Attribution, LimitLevel, Victim, Witness
from agent.model.probe import VictimProbe
from agent.parse.cgroup_path import place as place_of

SIGKILL = 9
MAX_EXITS = 4096
"""Exits that no incident has claimed yet. One batch of kills is told within moments."""
SAME_PROCESS_NS = 5_000_000_000
"""kmsg and trace are joined by pid; the kernel hands pids out in turn and does not reuse one within
this time.
"""


class Stories:
    """Books what is told, and amends it as more is told. Knows nothing of counts."""

    def __init__(
        self, *, book: IncidentBook, tally: Tally, levels: Levels, orphans: Orphans
    ) -> None:
        self._book = book
        self._tally = tally
        self._levels = levels
        self._orphans = orphans
        self._killed: OrderedDict[int, int] = OrderedDict()  # pid to when it ended by SIGKILL

    def find(self, pid: int, boottime_ns: int) -> tuple[Entry, int] | None:
        """Where this process is booked: the incident, and its index among the victims."""
        entry = self._book.held.with_pid(pid)
        if entry is None or abs(entry.incident.boottime_ns - boottime_ns) >= SAME_PROCESS_NS:
            return None
        pids = [victim.pid for victim in entry.incident.victims]
        return (entry, pids.index(pid)) if pid in pids else None

    def call_of(self, pid: int, boottime_ns: int) -> int | None:
        """Which call of the OOM killer the probe says this victim fell to; None: no probe."""
        seen = self._orphans.of(pid, boottime_ns, SAME_PROCESS_NS)
        return None if seen is None or seen.probe is None else seen.probe.call_boottime_ns

    def book_line(self, call: Call, kill: Kill, now_ns: int) -> Entry:
        """Book a "Killed process" line that the kernel's count covers; returns where."""
        if kill.repeat_of is not None:
            found = self.find(kill.line.pid, kill.boottime_ns)
            entry = found[0] if found is not None else self._open(call, now_ns)
            self._repeat(entry, kill)
            return entry
        entry = self._open(call, now_ns)
        victim, reading, probe = self._victim(call, kill)
        self._book.add_victim(entry, victim)
        self._limited(entry, call, kill, reading)
        limited(self._book, entry, probe)
        if call.group_cgroup:
            self.grouped(entry, call)
        return entry

    def tell_more(self, entry: Entry, index: int, call: Call, kill: Kill) -> None:
        """What a line tells of a victim that was booked without it."""
        known = entry.incident.victims[index]
        victim, reading, probe = self._victim(call, kill)
        victim = placed(victim, known.cgroup, known.attribution)
        for witness in known.witnesses:
            victim = witnessed(victim, witness)
        self._book.replace_victim(
            entry,
            index,
            replace(
                victim,
                start_boottime_ns=victim.start_boottime_ns or known.start_boottime_ns,
                namespace_pid=victim.namespace_pid or known.namespace_pid,
                container_init=known.container_init,
            ),
        )
        self._limited(entry, call, kill, reading)
        limited(self._book, entry, probe)
        if call.group_cgroup:
            self.grouped(entry, call)

    def regroup(self, call: Call, kill: Kill, now_ns: int) -> None:
        """A "Tasks in" line came after the kill was booked: it may open a call of its own."""
        found = self.find(kill.line.pid, kill.boottime_ns)
        if found is None:
            return
        holder, index = found
        if holder.incident.id == self._book.name(f"k{call.sequence}"):
            self.grouped(holder, call)
        elif holder.incident.victims[index].kmsg_sequence == kill.sequence:
            if len(holder.incident.victims) == 1:  # booked on its trace: it stays where it is
                self.grouped(holder, call)
                return
            entry, _ = self.move(holder, index, call, now_ns)
            self.grouped(entry, call)

    def move(self, holder: Entry, index: int, call: Call, now_ns: int) -> tuple[Entry, int]:
        """A victim is of this call, and not of the incident that it was booked on."""
        known = self._book.take_victim(holder, index)
        if known.attribution is Attribution.KMSG_GROUP:
            known = replace(known, cgroup="", attribution=Attribution.NONE)
        entry = self._open(call, now_ns)
        self._book.add_victim(entry, known)
        self._book.came_from(entry, holder.incident.id)
        return entry, len(entry.incident.victims) - 1

    def grouped(self, entry: Entry, call: Call) -> None:
        """The kernel killed the whole cgroup."""
        self._book.amend(entry, group_kill=True)
        self._book.place_victims(entry, call.group_cgroup, Attribution.KMSG_GROUP)

    def trace(self, seen: TraceSeen, now_ns: int) -> None:
        """A traced victim: more about one that is booked, or a candidate."""
        found = self.find(seen.victim.pid, seen.boottime_ns)
        if found is None:
            self._orphans.put(seen, now_ns)
            return
        entry, index = found
        self._book.replace_victim(entry, index, with_trace(entry.incident.victims[index], seen))
        limited(self._book, entry, seen.probe)

    def places(self, seen: PlacesSeen) -> None:
        """The recorder's answer about victims whose cgroup nothing else told."""
        entry = self._book.held.get(seen.incident_id)
        if entry is None:
            return
        for index, victim in enumerate(entry.incident.victims):
            if victim.pid in seen.places:
                better = placed(victim, *seen.places[victim.pid])
                self._book.replace_victim(entry, index, better)

    def exit(self, seen: ExitSeen) -> None:
        """A victim's exit by SIGKILL is one more witness of its kill."""
        ended = seen.exit
        if ended.signal != SIGKILL:
            return
        found = self.find(ended.pid, ended.boottime_ns)
        if found is None:
            self._killed[ended.pid] = ended.boottime_ns
            while len(self._killed) > MAX_EXITS:
                self._killed.popitem(last=False)
            return
        entry, index = found
        victim = witnessed(entry.incident.victims[index], Witness.EXIT)
        self._book.replace_victim(entry, index, victim)

    def _victim(
        self, call: Call, kill: Kill
    ) -> tuple[Victim, OOMSummary | None, VictimProbe | None]:
        """The victim of a line with all that is known of it by now; the header's reading, and the
        probe's.
        """
        pid, capture = kill.line.pid, kill.seen.capture
        reading = header_reading(call, capture)
        cgroup, attribution = cgroup_of(call, kill, reading)
        victim = victim_of_line(kill.line, kill.sequence)
        victim = with_capture(placed(victim, cgroup, attribution), capture)
        traced = self._orphans.take(pid, kill.boottime_ns, SAME_PROCESS_NS)
        if traced is not None:
            victim = with_trace(victim, traced)
        ended_ns = self._killed.pop(pid, None)
        if ended_ns is not None and abs(ended_ns - kill.boottime_ns) < SAME_PROCESS_NS:
            victim = witnessed(victim, Witness.EXIT)
        return victim, reading, None if traced is None else traced.probe

    def _open(self, call: Call, now_ns: int) -> Entry:
        return self._book.open(f"k{call.sequence}", call.kills[0].boottime_ns, now_ns)

    def _limited(self, entry: Entry, call: Call, kill: Kill, reading: OOMSummary | None) -> None:
        """Which limit fired by the header, if that is not known yet."""
        if entry.incident.limit_level is not LimitLevel.UNKNOWN:
            return
        oom_memcg = reading.oom_memcg if reading is not None else ""
        level, limit_cgroup = limit_of(
            place_of(oom_memcg) if oom_memcg else None, kill.line, reading
        )
        self._book.amend(
            entry,
            limit_level=level,
            limit_cgroup=limit_cgroup,
            limit_bytes=call.header.limit_bytes if limit_cgroup else None,
            constraint=reading.constraint if reading is not None else "",
            trigger_comm=call.header.trigger_comm,
        )

    def _repeat(self, entry: Entry, kill: Kill) -> None:
        self._tally.repeats += 1
        self._tally.explains(entry.early)
        self._book.amend(entry, counted=entry.incident.counted + 1)
        for index, victim in enumerate(entry.incident.victims):
            if victim.pid == kill.line.pid:
                if victim.cgroup:
                    self._levels.book(victim.cgroup)
                better = replace(victim, repeats=victim.repeats + 1)
                self._book.replace_victim(entry, index, better)
                return
