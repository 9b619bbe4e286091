"""The incidents that the ledger holds in memory, and how one is found again: by what a line of the
kernel's log, a counter or the end of a container tells.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator

from agent.ledger.calls import below
from agent.ledger.entry import Entry
from agent.model.oom import OOMIncident

MAX_INCIDENTS = 10_000


class Held:
    """Entries in the order in which they were opened. Whoever changes one says what of it is to be
    found now.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._by_pid: dict[int, str] = {}
        self._by_container: dict[str, list[str]] = {}
        self._nameless: set[str] = set()  # of which a victim has no pid
        self._killed_in: Counter[str] = Counter()  # by cgroup path: the victims that are held

    def __getitem__(self, incident_id: str) -> Entry:
        return self._entries[incident_id]

    def get(self, incident_id: str) -> Entry | None:
        """The entry of this id, if it is still held."""
        return self._entries.get(incident_id)

    def newest_first(self) -> Iterator[Entry]:
        """All of them."""
        return reversed(self._entries.values())

    def latest_ns(self) -> int:
        """When the latest of all incidents happened; 0 if there is none."""
        return max((entry.incident.boottime_ns for entry in self._entries.values()), default=0)

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

    def add(self, entry: Entry) -> None:
        """Hold it, and find it by all that it tells."""
        incident = entry.incident
        self._entries[incident.id] = entry
        self.note_nameless(incident)
        for victim in incident.victims:
            if victim.pid is not None:
                self.has_pid(incident.id, victim.pid)
            if victim.cgroup:
                self.killed_in(victim.cgroup)
        if incident.container is not None:
            self.belongs(incident.id, incident.container.id)

    def has_pid(self, incident_id: str, pid: int) -> None:
        """A victim of it is this process."""
        self._by_pid[pid] = incident_id

    def killed_in(self, cgroup: str) -> None:
        """One victim more is held of this cgroup."""
        self._killed_in[cgroup] += 1

    def not_killed_in(self, cgroup: str) -> None:
        """One victim less."""
        self._killed_in[cgroup] -= 1
        if not self._killed_in[cgroup]:
            del self._killed_in[cgroup]

    def belongs(self, incident_id: str, container_id: str) -> None:
        """The incident is this container's."""
        self._by_container.setdefault(container_id, []).append(incident_id)

    def note_nameless(self, incident: OOMIncident) -> None:
        """Whether it has victims that only a counter told of."""
        if any(victim.pid is None for victim in incident.victims):
            self._nameless.add(incident.id)
        else:
            self._nameless.discard(incident.id)

    def trim(self, owing: Collection[str]) -> None:
        """Forget the oldest beyond MAX_INCIDENTS, up to the first of those that are `owing`."""
        while len(self._entries) > MAX_INCIDENTS:
            oldest, entry = next(iter(self._entries.items()))
            if oldest in owing:
                return
            del self._entries[oldest]
            self._nameless.discard(oldest)
            for victim in entry.incident.victims:
                if victim.pid is not None and self._by_pid.get(victim.pid) == oldest:
                    del self._by_pid[victim.pid]
                if victim.cgroup:
                    self.not_killed_in(victim.cgroup)
            if entry.incident.container is not None:
                self._part(entry.incident.container.id, oldest)

    def _part(self, container_id: str, incident_id: str) -> None:
        held = self._by_container.get(container_id, [])
        if incident_id in held:
            held.remove(incident_id)
            if not held:
                del self._by_container[container_id]


def _above(path: str) -> Iterator[str]:
    """The cgroups above this one, the root last."""
    while path not in ("", "/"):
        path = path.rpartition("/")[0] or "/"
        yield path
