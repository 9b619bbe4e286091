"""The end of a container, written into each incident that it has: there can be ten thousand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.model.evidence import EndSeen
from agent.model.oom import Disagreement, OOMIncident, Outcome, Truth

MAX_A_STEP = 512
"""Incidents that are written to in one go, some 15 us each: kills must be seen meanwhile."""


class _Page(Struct):
    seen: EndSeen
    kind: Disagreement
    left: deque[str]  # ids of incidents


class EndWriter:
    """Writes at most MAX_A_STEP at once; the rest at each `step`."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book
        self._pages: deque[_Page] = deque()
        self._room = MAX_A_STEP

    def write(self, seen: EndSeen, kind: Disagreement, entries: Iterable[Entry]) -> None:
        """The runtime's word, the end, and the disagreement if there is one."""
        left = deque(entry.incident.id for entry in entries)
        if left:
            self._pages.append(_Page(seen, kind, left))
            self._go_on()

    def step(self) -> None:
        """The next of those that are left."""
        self._room = MAX_A_STEP
        self._go_on()

    @property
    def behind(self) -> bool:
        """Whether some are left."""
        return bool(self._pages)

    def tells(self, container_id: str, kind: Disagreement) -> bool:
        """Whether this disagreement is being written."""
        return any(
            page.kind is kind and page.seen.place.container_id == container_id
            for page in self._pages
        )

    def _go_on(self) -> None:
        while self._pages and self._room > 0:
            page = self._pages[0]
            while page.left and self._room > 0:
                self._room -= 1
                entry = self._book.held.get(page.left.popleft())
                if entry is not None:
                    self._amend(entry, page)
            if not page.left:
                self._pages.popleft()

    def _amend(self, entry: Entry, page: _Page) -> None:
        incident, seen = entry.incident, page.seen
        concerned = page.kind is not Disagreement.NONE and concerns(page.kind, incident)
        self._book.amend(
            entry,
            runtime_says=seen.runtime_says or incident.runtime_says,
            container_exit=seen.exit or incident.container_exit,
            disagreement=page.kind if concerned else incident.disagreement,
        )


def concerns(kind: Disagreement, incident: OOMIncident) -> bool:
    """Whether it is this incident that the runtime is wrong about."""
    return kind is not Disagreement.KILL_NOT_REPORTED or kills_init(incident)


def kills_init(incident: OOMIncident) -> bool:
    """Proven: the init is among the victims, or the kernel killed all of the container at once."""
    if any(victim.container_init is Truth.YES for victim in incident.victims):
        return True
    container = incident.container
    return (
        incident.group_kill
        and incident.outcome is Outcome.DIED
        and container is not None
        and any(_of_container(victim.cgroup, container.id) for victim in incident.victims)
    )


def _of_container(cgroup: str, container_id: str) -> bool:
    """The container's own cgroup, not one nested in it: its name is the id, bare or in a scope."""
    return bool(container_id) and container_id in cgroup.rpartition("/")[2]
