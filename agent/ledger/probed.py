"""Which limit fired, as the kernel's oom_control had it when the probe read it: needs no header."""

from __future__ import annotations

from agent.ledger.attribution import limit_level
from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.model.oom import LimitLevel
from agent.model.probe import VictimProbe
from agent.parse.cgroup_path import place as place_of


def limited(book: IncidentBook, entry: Entry, probe: VictimProbe | None) -> None:
    """Amend the incident with the probe's limit; nothing without a probe of the call itself."""
    if probe is None or probe.call_boottime_ns is None:
        return
    incident = entry.incident
    if probe.node_wide:
        if incident.limit_level is LimitLevel.UNKNOWN:
            book.amend(entry, limit_level=LimitLevel.NODE)
    elif probe.limit_cgroup and incident.limit_level is not LimitLevel.NODE:
        book.amend(
            entry,
            limit_level=limit_level(place_of(probe.limit_cgroup)),
            limit_cgroup=probe.limit_cgroup,
            limit_bytes=probe.limit_bytes,
            constraint=incident.constraint or "CONSTRAINT_MEMCG",  # is_memcg_oom(oc)
        )
