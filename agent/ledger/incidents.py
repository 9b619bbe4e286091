"""The incidents of the ledger: opened, given victims, amended. held.py finds them again, closing.py
ends and tells them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from agent.ledger.attribution import witnessed
from agent.ledger.entry import Entry
from agent.ledger.held import Held
from agent.ledger.levels import Levels
from agent.ledger.naming import lacks_pod
from agent.ledger.tally import Tally
from agent.model.oom import Attribution, Container, OOMIncident, Outcome, Victim, Witness
from agent.parse.cgroup_path import is_drill
from agent.parse.cgroup_path import place as place_of


class IncidentBook:
    """Every change goes through here, so that the tally, the levels and the incidents agree."""

    def __init__(self, *, boot_id: str, wall_offset_ns: int, tally: Tally, levels: Levels) -> None:
        """`wall_offset_ns` turns CLOCK_BOOTTIME into wall time."""
        self._boot_id = boot_id
        self._wall_offset_ns = wall_offset_ns
        self._tally = tally
        self._levels = levels
        self.held = Held()
        self.started_ns: int | None = None  # what happened before was not watched
        self._open: dict[str, None] = {}
        self._changed: dict[str, None] = {}  # since the last take_changed()
        self._unwitnessed: dict[str, set[str]] = {}  # by cgroup path: whose count is awaited there

    def restore(self, incidents: Iterable[OOMIncident], *, rebuild: bool) -> None:
        """Take over the incidents of a former run on this boot; open ones are asked about at once,
        and so are those of which the flight recorder may know more: its answer to the former run
        died with that.

        With `rebuild` the tally and the levels are summed up from them, for want of a checkpoint.
        """
        for told in sorted(incidents, key=lambda i: i.boottime_ns):
            incident = self._shifted(told)
            cgroup = next((v.cgroup for v in incident.victims if v.cgroup), "")
            entry = Entry(
                incident,
                incident.boottime_ns,
                live=False,
                early=self._tally.early(incident.boottime_ns),
                published=True,
                dirty=incident is not told,
            )
            entry.ordinals = [{} for _ in incident.victims]
            self.held.add(entry)
            if rebuild:
                self._rebuild(entry)
            place = place_of(cgroup) if cgroup else None
            opened = incident.outcome is Outcome.OPEN
            if place is not None and (place.container_id or not opened):
                entry.place = place  # else it has left a container, and that is to be settled
            if opened and entry.place is not None:
                entry.fate_owed, entry.fate_due_ns = True, 0
            entry.names_owed = lacks_pod(incident)
            if entry.dirty or not entry.settled or entry.unsure:
                self._open[incident.id] = None
        if rebuild:  # all of this is from before what is now the first run on this boot
            self._tally.all_early()

    def _shifted(self, incident: OOMIncident) -> OOMIncident:
        """What was lost before the first run a former version booked as of that very moment."""
        lost = incident.unattributed and not incident.victims
        if not lost or incident.boottime_ns != self._tally.first_run_ns:
            return incident
        return replace(incident, boottime_ns=incident.boottime_ns - 1, wall_ns=incident.wall_ns - 1)

    def _rebuild(self, entry: Entry) -> None:
        incident, tally = entry.incident, self._tally
        for index, victim in enumerate(incident.victims):
            tally.repeats += victim.repeats
            if victim.cgroup:
                entry.ordinals[index] = self._levels.book(victim.cgroup)
                for _ in range(victim.repeats):
                    self._levels.book(victim.cgroup)
                tally.victims += 1
                tally.drill_victims += is_drill(victim.cgroup)
            elif incident.unattributed:
                tally.unattributed += 1
            else:
                tally.unplaced += 1
        if not incident.victims:
            tally.unattributed += incident.counted

    def name(self, origin: str) -> str:
        """The id of the incident of this origin: the same after a restart of the agent."""
        return f"{self._boot_id}/{origin}"

    def open(self, origin: str, boottime_ns: int, now_ns: int) -> Entry:
        """Begin a new incident, or return the one of this origin."""
        entry = self.held.get(self.name(origin))
        if entry is None:
            incident = OOMIncident(
                id=self.name(origin),
                boot_id=self._boot_id,
                revision=1,
                boottime_ns=boottime_ns,
                wall_ns=boottime_ns + self._wall_offset_ns,
            )
            started_ns = now_ns if self.started_ns is None else self.started_ns
            early = self._tally.early(boottime_ns)
            entry = Entry(incident, now_ns, live=boottime_ns >= started_ns, early=early)
            self.held.add(entry)
            self._open[incident.id] = self._changed[incident.id] = None
        return entry

    def amend(self, entry: Entry, **changes: Any) -> None:
        """Change fields of the incident; nothing is published if nothing differs."""
        incident = replace(entry.incident, **changes)
        if incident != entry.incident:
            entry.incident, entry.dirty = incident, True
            self.held.note_nameless(incident)
            self._open[incident.id] = self._changed[incident.id] = None

    def add_victim(self, entry: Entry, victim: Victim) -> None:
        """Book one kill of a process."""
        self._tally.explains(entry.early)
        if self._tally.counted is not None:
            victim = witnessed(victim, Witness.VMSTAT)
        incident = entry.incident
        if victim.pid is not None:
            self.held.has_pid(incident.id, victim.pid)
        if victim.cgroup:
            entry.ordinals.append(self._booked(incident.id, victim.cgroup))
            self.held.killed_in(victim.cgroup)
            self._tally.victims += 1
            self._tally.drill_victims += is_drill(victim.cgroup)
        else:
            entry.ordinals.append({})
            self._tally.unplaced += 1
            if incident.unattributed:  # the others of this incident were given up already
                self._lose(entry, 1)
        self.amend(entry, victims=(*incident.victims, victim), counted=incident.counted + 1)

    def take_victim(self, entry: Entry, index: int) -> Victim:
        """Unbook a kill that belongs to another incident, and return it to be booked there."""
        victims = list(entry.incident.victims)
        victim = victims.pop(index)
        entry.ordinals.pop(index)
        self._tally.explains(entry.early, -1)
        if victim.cgroup:
            self._levels.unbook(victim.cgroup)
            self.held.not_killed_in(victim.cgroup)
            self._tally.victims -= 1
            self._tally.drill_victims -= is_drill(victim.cgroup)
        else:
            if entry.incident.unattributed:
                self._lose(entry, -1)
            self._tally.unplaced -= 1
        lost = entry.incident.unattributed and any(not v.cgroup for v in victims)
        counted = entry.incident.counted - 1
        entry.gave = True
        self.amend(entry, victims=tuple(victims), counted=counted, unattributed=lost)
        return victim

    def came_from(self, entry: Entry, incident_id: str) -> None:
        """A kill of this entry was booked on that incident first, and may have been told there."""
        self.amend(entry, moved_from=(*entry.incident.moved_from, incident_id))

    def replace_victim(self, entry: Entry, index: int, victim: Victim) -> None:
        """Better evidence about a booked victim. A cgroup that becomes known moves it into the
        books' victims.
        """
        victims = list(entry.incident.victims)
        former = victims[index]
        victims[index] = victim
        if victim.pid is not None:
            self.held.has_pid(entry.incident.id, victim.pid)
        if victim.cgroup != former.cgroup:
            if former.cgroup:
                self._levels.unbook(former.cgroup)
                self.held.not_killed_in(former.cgroup)
            else:
                self._tally.victims += 1
                self._tally.drill_victims += is_drill(victim.cgroup)
                if entry.incident.unattributed:
                    self._lose(entry, -1)
                    lost = any(not other.cgroup for other in victims)
                    self.amend(entry, unattributed=lost)
                self._tally.unplaced -= 1
            entry.ordinals[index] = self._booked(entry.incident.id, victim.cgroup)
            self.held.killed_in(victim.cgroup)
        self.amend(entry, victims=tuple(victims))

    def place_victims(self, entry: Entry, cgroup: str, attribution: Attribution) -> None:
        """Give every victim without a cgroup this one."""
        for index, victim in enumerate(entry.incident.victims):
            if not victim.cgroup:
                better = replace(victim, cgroup=cgroup, attribution=attribution)
                self.replace_victim(entry, index, better)

    def give_up(self, entry: Entry) -> None:
        """No evidence names the cgroup of some victims: they become unattributed, with what is
        known of them.
        """
        self._lose(entry, sum(1 for v in entry.incident.victims if not v.cgroup))
        self.amend(entry, unattributed=True)

    def _lose(self, entry: Entry, victims: int) -> None:
        """So many that have no cgroup yet will get none; negative: may get one after all."""
        self._tally.unplaced -= victims
        self._tally.gives_up(entry.early, victims)

    def reclaim_unattributed(self, boottime_ns: int, *, noticed_after: bool) -> bool:
        """Take back one count that was given up for lost, for a line of this moment that came late;
        False if there is none, or (`noticed_after`) none that was noticed after it.

        One from before the first run is that of such a line, and only of one.
        """
        tally, early = self._tally, self._tally.early(boottime_ns)
        if not (tally.before_start if early else tally.unattributed - tally.before_start):
            return False  # nearly always, and every line of the kernel's log asks
        for entry in self.held.newest_first():
            incident = entry.incident
            if noticed_after and incident.boottime_ns < boottime_ns:
                continue
            lost = incident.unattributed and not incident.victims and incident.counted > 0
            if lost and entry.early is early:
                tally.unknown(early, -1)
                self.amend(entry, counted=incident.counted - 1)
                return True
        return False

    def unplaced(self) -> list[Entry]:
        """Entries with victims whose cgroup is not known yet."""
        return [
            entry
            for entry in self.owing()
            if not entry.incident.unattributed
            and any(not victim.cgroup for victim in entry.incident.victims)
        ]

    def witness_counters(self, path: str, counter: int) -> None:
        """The counter of this cgroup covers the kills booked on it up to that ordinal."""
        waiting = self._unwitnessed.get(path, set())
        for incident_id in list(waiting):
            entry = self.held[incident_id]
            ordinals = [of.get(path, 0) for of in entry.ordinals]
            for index, ordinal in enumerate(ordinals):
                if 0 < ordinal <= counter:
                    victim = witnessed(entry.incident.victims[index], Witness.MEMORY_EVENTS)
                    self.replace_victim(entry, index, victim)
            if max(ordinals, default=0) <= counter:
                self._heard(path, incident_id)

    def names(self, container: Container) -> None:
        """Names arrived: amend every incident of this container."""
        for entry in self.held.of_container(container.id):
            self.amend(entry, container=container)

    def owing(self) -> list[Entry]:
        """The entries that changed since they were told, or to which something is owed."""
        return [self.held[incident_id] for incident_id in self._open]

    def take_changed(self) -> list[Entry]:
        """The entries that changed since this was last asked: in a storm, far fewer than owe."""
        changed, self._changed = self._changed, {}
        return [self.held[incident_id] for incident_id in changed]

    def settle(self, entry: Entry) -> None:
        """Nothing is owed to this entry any more."""
        self._open.pop(entry.incident.id, None)
        for ordinals in entry.ordinals:
            for path in ordinals:
                self._heard(path, entry.incident.id)

    def belongs(self, entry: Entry, container: Container) -> None:
        """The incident is this container's: names that arrive later reach it."""
        self.held.belongs(entry.incident.id, container.id)
        self.amend(entry, container=container)

    def trim(self) -> None:
        """Forget the oldest settled incidents beyond what is held; the journal has them."""
        self.held.trim(self._open)

    def unpublished_cgroups(self) -> list[str]:
        """The victims' cgroups of incidents that were never told yet, each once."""
        return list(
            {
                victim.cgroup: None
                for incident_id in self._changed
                if not (entry := self.held[incident_id]).published
                for victim in entry.incident.victims
                if victim.cgroup
            }
        )

    def _booked(self, incident_id: str, cgroup: str) -> dict[str, int]:
        ordinals = self._levels.book(cgroup)
        for path in ordinals:
            self._unwitnessed.setdefault(path, set()).add(incident_id)
        return ordinals

    def _heard(self, path: str, incident_id: str) -> None:
        """No count of this path is awaited for this incident any more."""
        waiting = self._unwitnessed.get(path)
        if waiting is not None:
            waiting.discard(incident_id)
            if not waiting:
                del self._unwitnessed[path]
