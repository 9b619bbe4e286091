"""The OOM incidents in memory, each in its latest revision: what lists are answered from."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from agent.model.oom import Disagreement, OOMIncident, Truth

_Key = tuple[int, str]  # when, by the wall clock; and the id


class IncidentIndex:
    """At most `max_incidents`, kept in the order of their time; the oldest goes first."""

    def __init__(self, max_incidents: int, incidents: Iterable[OOMIncident] = ()) -> None:
        self._max = max_incidents
        self._by_id: dict[str, OOMIncident] = {}
        self._order: list[_Key] = []
        for incident in incidents:
            self.put(incident)

    def __len__(self) -> int:
        return len(self._by_id)

    def put(self, incident: OOMIncident) -> None:
        """Take a new incident, or a later revision of one; an earlier revision changes nothing."""
        held = self._by_id.get(incident.id)
        if held is not None:
            if held.revision > incident.revision:
                return
            del self._order[bisect_left(self._order, _key(held))]
        self._by_id[incident.id] = incident
        insort(self._order, _key(incident))
        if len(self._order) > self._max:
            _, oldest = self._order.pop(0)
            del self._by_id[oldest]

    def adopt(self, incidents: Iterable[OOMIncident]) -> None:
        """Take those that are not known; for a journal that opened late.

        What this agent has found out itself stays, whatever the revision: its ledger goes on
        from that.
        """
        for incident in incidents:
            if incident.id not in self._by_id:
                self.put(incident)

    def get(self, incident_id: str) -> OOMIncident | None:
        """The latest revision of this incident, if it is held."""
        return self._by_id.get(incident_id)

    def select(
        self,
        *,
        since_wall_ns: int = 0,
        namespace: str = "",
        pod: str = "",
        hidden: bool = False,
        exclude_drills: bool = False,
        disagreements: bool = False,
        limit: int,
    ) -> tuple[tuple[OOMIncident, ...], bool]:
        """Those that match every filter, newest first, at most `limit`; and whether more matched.

        Empty strings match all; `pod` is a name or a UID; `hidden` wants those proven hidden,
        `disagreements` those of which the runtime says otherwise than the kernel.
        """
        found: list[OOMIncident] = []
        for wall_ns, incident_id in reversed(self._order):
            if wall_ns < since_wall_ns:
                break
            incident = self._by_id[incident_id]
            container = incident.container
            if namespace and (container is None or container.namespace != namespace):
                continue
            if pod and (container is None or pod not in (container.pod, container.pod_uid)):
                continue
            if hidden and incident.hidden is not Truth.YES:
                continue
            if exclude_drills and incident.drill:
                continue
            if disagreements and incident.disagreement is Disagreement.NONE:
                continue
            if len(found) == limit:
                return tuple(found), True
            found.append(incident)
        return tuple(found), False

    @property
    def oldest_wall_ns(self) -> int | None:
        """When the oldest incident that is held happened; None if none is."""
        return self._order[0][0] if self._order else None


def _key(incident: OOMIncident) -> _Key:
    return incident.wall_ns, incident.id
