"""What the OOM killer did in each container, for when it ends.

A container can lose a child every few seconds for days: what its end is judged by are the kills of
its init, and the latest of the others. All of them are in the OOM ledger's own events.
"""

from __future__ import annotations

from collections import OrderedDict

from agent.ledger.end_writing import kills_init
from agent.model.oom import OOMIncident

MAX_CONTAINERS = 4096
MAX_INCIDENTS = 64
"""Of one container."""


class Killed:
    """Of at most `MAX_CONTAINERS`; those go that were quiet for the longest."""

    def __init__(self) -> None:
        self._incidents: OrderedDict[str, dict[str, OOMIncident]] = OrderedDict()

    def put(self, container_id: str, incident: OOMIncident) -> None:
        """An incident in any revision. Of too many the oldest that spared the init goes."""
        held = self._incidents.setdefault(container_id, {})
        held[incident.id] = incident
        if len(held) > MAX_INCIDENTS:
            del held[min(held.values(), key=lambda each: (kills_init(each), each.boottime_ns)).id]
        self._incidents.move_to_end(container_id)
        while len(self._incidents) > MAX_CONTAINERS:
            self._incidents.popitem(last=False)

    def holds(self, container_id: str, incident_id: str) -> bool:
        """Whether this one is known."""
        return incident_id in self._incidents.get(container_id, {})

    def of(self, container_id: str) -> tuple[OOMIncident, ...]:
        """In the order in which they were first heard of."""
        return tuple(self._incidents.get(container_id, {}).values())

    def drop(self, container_id: str) -> None:
        """Its end is told."""
        self._incidents.pop(container_id, None)
