"""The incidents of the ledger: opened, given victims, amended. closing.py ends and tells them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from agent.ledger.attribution import witnessed
from agent.ledger.calls import below
from agent.ledger.levels import Levels
from agent.ledger.naming import lacks_pod
from agent.ledger.tally import Tally
from agent.model.cgroup import CgroupPlace
from agent.model.oom import Attribution, Container, OOMIncident, Outcome, Victim, Witness
from agent.parse.cgroup_path import is_drill
from agent.parse.cgroup_path import place as place_of

MAX_INCIDENTS = 10_000


class Entry(Struct):
    """An incident and what is owed to it."""

    incident: OOMIncident
    opened_ns: int
    live: bool  # the agent was there when it happened
    early: bool  # it counts as from before the agent first ran on this boot
    place: CgroupPlace | None = None
    published: bool = False
    dirty: bool = True
    gave: bool = False  # a kill of it moved to another incident: that is told first
    fate_due_ns: int | None = None  # when to ask what became of the container
    fate_queued: bool = False  # it waits for that moment
    fate_owed: bool = False  # not answered yet
    names_owed: bool = False  # its pod may still be named
    limit_asked: bool = False
    places_asked: int = 0  # for how many victims the recorder was asked
    ordinals: list[dict[str, int]] = field(default_factory=list)  # per victim, see Levels.book

    @property
    def unsure(self) -> tuple[int, ...]:
        """The pids of victims whose cgroup nothing tells, or only a counter: the flight recorder
        may know better.
        """
        return tuple(
            victim.pid
            for victim in self.incident.victims
            if victim.pid is not None
            and victim.attribution in (Attribution.NONE, Attribution.COUNTER)
        )

    @property
    def settled(self) -> bool:
        """Nothing is owed any more; later evidence can still amend it."""
        incident = self.incident
        placed = incident.unattributed or all(v.cgroup for v in incident.victims)
        owed = self.fate_owed or self.names_owed
        return placed and not owed and incident.outcome is not Outcome.OPEN


class IncidentBook:
    """Every change goes through here, so that the tally, the levels and the incidents agree."""

    def __init__(self, *, boot_id: str, wall_offset_ns: int, tally: Tally, levels: Levels) -> None:
        """`wall_offset_ns` turns CLOCK_BOOTTIME into wall time."""
        self._boot_id = boot_id
        self._wall_offset_ns = wall_offset_ns
        self._tally = tally
        self._levels = levels
        self.started_ns: int | None = None  # what happened before was not watched
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._by_pid: dict[int, str] = {}
        self._by_container: dict[str, list[str]] = {}
        self._open: dict[str, None] = {}
        self._nameless: set[str] = set()  # of which a victim has no pid
        self._changed: dict[str, None] = {}  # since the last take_changed()
        self._unwitnessed: dict[str, set[str]] = {}  # by cgroup path: whose count is awaited there
        self._killed_in: Counter[str] = Counter()  # by cgroup path: the victims that are held

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
            self._register(entry)
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

    def latest_ns(self) -> int:
        """When the latest of all incidents happened; 0 if there is none."""
        return max((entry.incident.boottime_ns for entry in self._entries.values()), default=0)

    def get(self, incident_id: str) -> Entry | None:
        """The entry of this id, if it is still held."""
        return self._entries.get(incident_id)

    def with_pid(self, pid: int) -> Entry | None:
        """The latest entry that has this pid among its victims."""
        return self._entries.get(self._by_pid.get(pid, ""))

    def of_container(self, container_id: str) -> list[Entry]:
        """The entries of one container that are held, in the order in which they became its."""
        found = map(self._entries.get, self._by_container.get(container_id, ()))
        return [entry for entry in found if entry is not None]

    def recent(self, since_ns: int) -> list[Entry]:
        """The entries of incidents that happened at or after this moment (CLOCK_BOOTTIME)."""
        return [e for e in self._entries.values() if e.incident.boottime_ns >= since_ns]

    def kills_above(self, path: str) -> bool:
        """Whether a kill is booked on a cgroup above this one, for want of a better place: it may
        have been in this one.
        """
        return any(cgroup in self._killed_in for cgroup in _above(path))

    def name(self, origin: str) -> str:
        """The id of the incident of this origin: the same after a restart of the agent."""
        return f"{self._boot_id}/{origin}"

    def open(self, origin: str, boottime_ns: int, now_ns: int) -> Entry:
        """Begin a new incident, or return the one of this origin."""
        entry = self._entries.get(self.name(origin))
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
            self._register(entry)
            self._open[incident.id] = self._changed[incident.id] = None
        return entry

    def amend(self, entry: Entry, **changes: Any) -> None:
        """Change fields of the incident; nothing is published if nothing differs."""
        incident = replace(entry.incident, **changes)
        if incident != entry.incident:
            entry.incident, entry.dirty = incident, True
            self._note_nameless(incident)
            self._open[incident.id] = self._changed[incident.id] = None

    def add_victim(self, entry: Entry, victim: Victim) -> None:
        """Book one kill of a process."""
        self._tally.explains(entry.early)
        if self._tally.counted is not None:
            victim = witnessed(victim, Witness.VMSTAT)
        incident = entry.incident
        if victim.pid is not None:
            self._by_pid[victim.pid] = incident.id
        if victim.cgroup:
            entry.ordinals.append(self._booked(incident.id, victim.cgroup))
            self._killed_in[victim.cgroup] += 1
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
            self._forget(victim.cgroup)
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
            self._by_pid[victim.pid] = entry.incident.id
        if victim.cgroup != former.cgroup:
            if former.cgroup:
                self._levels.unbook(former.cgroup)
                self._forget(former.cgroup)
            else:
                self._tally.victims += 1
                self._tally.drill_victims += is_drill(victim.cgroup)
                if entry.incident.unattributed:
                    self._lose(entry, -1)
                    lost = any(not other.cgroup for other in victims)
                    self.amend(entry, unattributed=lost)
                self._tally.unplaced -= 1
            entry.ordinals[index] = self._booked(entry.incident.id, victim.cgroup)
            self._killed_in[victim.cgroup] += 1
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
        for entry in reversed(self._entries.values()):
            incident = entry.incident
            if noticed_after and incident.boottime_ns < boottime_ns:
                continue
            lost = incident.unattributed and not incident.victims and incident.counted > 0
            if lost and entry.early is early:
                tally.unknown(early, -1)
                self.amend(entry, counted=incident.counted - 1)
                return True
        return False

    def nameless(self, cgroup: str, boottime_ns: int) -> tuple[Entry, int] | None:
        """The latest victim that only a counter told of, at or above this cgroup (any, if it is
        not known): the entry and the victim's index.

        It can stand for a kill of this time only if it was noticed after that.
        """
        if not self._nameless:  # nearly always, and every line of the kernel's log asks
            return None
        for entry in reversed(self._entries.values()):
            if entry.incident.boottime_ns < boottime_ns:
                continue
            for index, victim in enumerate(entry.incident.victims):
                if victim.pid is None and (not cgroup or below(cgroup, victim.cgroup)):
                    return entry, index
        return None

    def stand_in(self, noticed_ns: int) -> tuple[Entry, int] | None:
        """As `nameless`, for a kill of which nothing tells the cgroup: the latest that was noticed
        at or after this, if all of them had one cgroup, and no count was given up since, which it
        may be as well.
        """
        found: list[tuple[Entry, int]] = []
        if not self._nameless:
            return None
        for entry in reversed(self._entries.values()):
            if entry.incident.boottime_ns < noticed_ns:
                continue
            if entry.incident.unattributed or not entry.incident.victims:
                return None
            victims = enumerate(entry.incident.victims)
            found += [(entry, index) for index, victim in victims if victim.pid is None]
        cgroups = {entry.incident.victims[index].cgroup for entry, index in found}
        return found[0] if len(cgroups) == 1 else None

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
            entry = self._entries[incident_id]
            ordinals = [of.get(path, 0) for of in entry.ordinals]
            for index, ordinal in enumerate(ordinals):
                if 0 < ordinal <= counter:
                    victim = witnessed(entry.incident.victims[index], Witness.MEMORY_EVENTS)
                    self.replace_victim(entry, index, victim)
            if max(ordinals, default=0) <= counter:
                self._heard(path, incident_id)

    def names(self, container: Container) -> None:
        """Names arrived: amend every incident of this container."""
        for incident_id in self._by_container.get(container.id, ()):
            entry = self._entries.get(incident_id)
            if entry is not None:
                self.amend(entry, container=container)

    def owing(self) -> list[Entry]:
        """The entries that changed since they were told, or to which something is owed."""
        return [self._entries[incident_id] for incident_id in self._open]

    def take_changed(self) -> list[Entry]:
        """The entries that changed since this was last asked: in a storm, far fewer than owe."""
        changed, self._changed = self._changed, {}
        return [self._entries[incident_id] for incident_id in changed]

    def settle(self, entry: Entry) -> None:
        """Nothing is owed to this entry any more."""
        self._open.pop(entry.incident.id, None)
        for ordinals in entry.ordinals:
            for path in ordinals:
                self._heard(path, entry.incident.id)

    def belongs(self, entry: Entry, container: Container) -> None:
        """The incident is this container's: names that arrive later reach it."""
        self._by_container.setdefault(container.id, []).append(entry.incident.id)
        self.amend(entry, container=container)

    def trim(self) -> None:
        """Forget the oldest settled incidents beyond MAX_INCIDENTS; the journal has them."""
        while len(self._entries) > MAX_INCIDENTS:
            oldest, entry = next(iter(self._entries.items()))
            if oldest in self._open:
                return
            del self._entries[oldest]
            self._nameless.discard(oldest)
            for victim in entry.incident.victims:
                if victim.pid is not None and self._by_pid.get(victim.pid) == oldest:
                    del self._by_pid[victim.pid]
                if victim.cgroup:
                    self._forget(victim.cgroup)
            if entry.incident.container is not None:
                self._part(entry.incident.container.id, oldest)

    def _forget(self, cgroup: str) -> None:
        """One victim less is held of it."""
        self._killed_in[cgroup] -= 1
        if not self._killed_in[cgroup]:
            del self._killed_in[cgroup]

    def _part(self, container_id: str, incident_id: str) -> None:
        held = self._by_container.get(container_id, [])
        if incident_id in held:
            held.remove(incident_id)
            if not held:
                del self._by_container[container_id]

    def unpublished_cgroups(self) -> list[str]:
        """The victims' cgroups of incidents that were never told yet, each once."""
        return list(
            {
                victim.cgroup: None
                for entry in map(self._entries.__getitem__, self._changed)
                if not entry.published
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

    def _note_nameless(self, incident: OOMIncident) -> None:
        if any(victim.pid is None for victim in incident.victims):
            self._nameless.add(incident.id)
        else:
            self._nameless.discard(incident.id)

    def _register(self, entry: Entry) -> None:
        incident = entry.incident
        self._entries[incident.id] = entry
        self._note_nameless(incident)
        for victim in incident.victims:
            if victim.pid is not None:
                self._by_pid[victim.pid] = incident.id
            if victim.cgroup:
                self._killed_in[victim.cgroup] += 1
        if incident.container is not None:
            self._by_container.setdefault(incident.container.id, []).append(incident.id)


def _above(path: str) -> Iterator[str]:
    """The cgroups above this one, the root last."""
    while path not in ("", "/"):
        path = path.rpartition("/")[0] or "/"
        yield path
