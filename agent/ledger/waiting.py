"""Incidents whose kills are not counted yet, for their containers' names are awaited. The journal
has a sum for each, so that the next run knows of which.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from agent.ledger.naming import NAMES_NS, awaited_until_ns
from agent.ledger.oom_sums import OOMSums
from agent.model.oom import OOMCount, OOMCounter, OOMIncident, OOMSum


class _Held(Struct):
    until_ns: int
    incident: OOMIncident  # the latest revision
    owed: int  # of the journal's sum: 1, and 1 more for each of its kills that is counted elsewhere


class Waiting:
    """By id. What is waited for here is owed to the `sums`."""

    def __init__(self, sums: OOMSums) -> None:
        self._sums = sums
        self._held: dict[str, _Held] = {}
        self._found: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def found(self, each: OOMCount) -> None:
        """The journal has this sum."""
        self._found[each.sum.label] = each.count

    def restore(self, incident: OOMIncident, now_ns: int) -> bool:
        """Whether the journal has a sum for this incident: then it waits on."""
        owed = self._found.pop(incident.id, 0)
        if owed:
            until_ns = awaited_until_ns(incident.boottime_ns, now_ns)
            self._held[incident.id] = _Held(until_ns, incident, owed)
        return owed > 0

    def restored(self) -> Iterator[tuple[OOMIncident, int]]:
        """Those that wait on, and how many of their kills are counted elsewhere. What else the
        journal has it is to forget.
        """
        for incident_id, owed in self._found.items():
            self._sums.owe(_sum(incident_id), -owed)
        self._found.clear()
        for held in self._held.values():
            yield held.incident, held.owed - 1

    def hold(self, incident: OOMIncident, now_ns: int, elsewhere: int) -> None:
        """It waits, in this revision; so many of its kills are counted elsewhere, which a restart
        could not tell from the incidents alone.
        """
        held = self._held.setdefault(incident.id, _Held(now_ns + NAMES_NS, incident, 0))
        self._sums.owe(_sum(incident.id), 1 + elsewhere - held.owed)
        held.incident, held.owed = incident, 1 + elsewhere

    def end(self, incident_id: str) -> None:
        """It waits no more, if it did."""
        held = self._held.pop(incident_id, None)
        if held is not None:
            self._sums.owe(_sum(incident_id), -held.owed)

    def overdue(self, now_ns: int) -> list[OOMIncident]:
        """Those whose names did not come."""
        return [h.incident for h in self._held.values() if now_ns >= h.until_ns]


def _sum(incident_id: str) -> OOMSum:
    return OOMSum(counter=OOMCounter.WAITING, label=incident_id)
