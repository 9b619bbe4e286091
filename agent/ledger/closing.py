"""What follows from an incident's victims: its place, its names, whose init it was, what became of
the container; and the telling of each change, once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Protocol

from msgspec.structs import replace

from agent.ledger.attribution import LIMIT_LEVELS, confidence_of
from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.naming import awaited_until_ns, lacks_pod
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.event import OOMAmended, OOMRecorded, RuntimeDisagreement
from agent.model.evidence import (
    EvidenceRequest,
    FateSeen,
    FateWanted,
    LimitWanted,
    PlacesWanted,
)
from agent.model.oom import Container, LimitLevel, Outcome, Truth, Victim
from agent.parse.cgroup_path import is_drill
from agent.parse.cgroup_path import place as place_of

MAX_A_FLUSH = 256
"""Incidents that are judged in one go, some 50 us each: kills must be seen meanwhile."""

Output = OOMRecorded | OOMAmended | RuntimeDisagreement | EvidenceRequest


class Directory(Protocol):
    """Who is who, by what is known now; the recently dead included."""

    def names(self, place: CgroupPlace) -> Container | None:
        """The container, or only the pod, at this place; None outside pods."""

    def init_pid(self, place: CgroupPlace) -> int | None:
        """The pid of the container's init; None if it was never seen."""


class Closing:
    """Reads the book, amends it, and tells what changed."""

    def __init__(
        self, *, book: IncidentBook, levels: Levels, directory: Directory, hold_ns: int
    ) -> None:
        self._book = book
        self._levels = levels
        self._directory = directory
        self._hold_ns = hold_ns
        self._due: list[tuple[int, str]] = []  # heap: when to ask for which incident's fate
        self._review = True
        self._pending: dict[str, Entry] = {}  # what the flush under way has yet to judge
        self._broken: Entry | None = None  # the one at which the last flush ended, if it raised

    def fate(self, seen: FateSeen) -> None:
        """The hold is over; what became of the container is settled now and does not change any
        more.
        """
        entry = self._book.held.get(seen.incident_id)
        if entry is None:
            return
        entry.fate_owed = False
        incident = entry.incident
        if seen.runtime_says and (incident.container_exit is None or not incident.runtime_says):
            self._book.amend(entry, runtime_says=seen.runtime_says)
        if incident.outcome is not Outcome.OPEN:
            return
        match seen.init_alive:
            case True:
                victims = tuple(replace(v, container_init=Truth.NO) for v in incident.victims)
                self._book.amend(entry, outcome=Outcome.SURVIVED, hidden=Truth.YES, victims=victims)
            case False:
                self._book.amend(entry, outcome=Outcome.DIED, hidden=Truth.NO)
            case None:
                self._book.amend(entry, outcome=Outcome.UNKNOWN, hidden=Truth.UNKNOWN)

    def flush(self, now_ns: int) -> Iterator[Output]:
        """Every changed incident once, as a new revision; then the evidence that is wanted.

        Of more than MAX_A_FLUSH those come first that were never told, with those that a kill has
        left, for who counts must know of that before it hears where the kill is now; the others
        wait for the next. An incident that raises ends this flush, and is left out of the next
        until it changes.
        """
        self._pending.update(self._to_judge(now_ns))
        if self._broken is not None:
            self._book.settle(self._broken)
            self._pending.pop(self._broken.incident.id, None)
            self._broken = None
        first = sorted(self._pending, key=lambda each: _turn(self._pending[each]))
        for incident_id in first[:MAX_A_FLUSH]:
            self._broken = self._pending.pop(incident_id)
            out = self._told(self._broken, now_ns)
            self._broken = None
            yield from out
        self._book.trim()

    def _told(self, entry: Entry, now_ns: int) -> list[Output]:
        out: list[Output] = []
        self._complete(entry)
        self._name(entry, now_ns)
        if entry.dirty:
            revision = entry.incident.revision + entry.published
            entry.incident = replace(
                entry.incident, confidence=confidence_of(entry.incident), revision=revision
            )
            kind = OOMAmended if entry.published else OOMRecorded
            out.append(kind(incident=entry.incident))
            entry.dirty, entry.gave, entry.published = False, False, True
        out.extend(self._wanted(entry, now_ns))
        if entry.settled:
            self._book.settle(entry)
        return out

    @property
    def behind(self) -> bool:
        """Whether the last flush has left something for the next."""
        return bool(self._pending)

    def next_due_ns(self) -> int | None:
        """The earliest moment at which flush will want a fate; None if none is owed."""
        if self._pending:
            return 0
        return self._due[0][0] if self._due else None

    def review(self) -> None:
        """Let the next flush look at every open incident: what is known of containers and limits
        may have become better without a word to the ledger.
        """
        self._review = True

    def _to_judge(self, now_ns: int) -> dict[str, Entry]:
        """What changed and what is due; at a review all that is open."""
        entries = {entry.incident.id: entry for entry in self._book.take_changed()}
        if self._review:
            self._review = False
            for entry in self._book.owing():
                entries[entry.incident.id] = entry
                if entry.fate_due_ns is not None and not entry.fate_queued:
                    self._queue(entry)
        while self._due and self._due[0][0] <= now_ns:
            _, incident_id = heapq.heappop(self._due)
            due = self._book.held.get(incident_id)
            if due is not None:
                entries[incident_id] = due
        return entries

    def _queue(self, entry: Entry) -> None:
        assert entry.fate_due_ns is not None
        entry.fate_queued = True
        heapq.heappush(self._due, (entry.fate_due_ns, entry.incident.id))

    def _wanted(self, entry: Entry, now_ns: int) -> list[Output]:
        out: list[Output] = []
        incident = entry.incident
        unsure = entry.unsure
        if len(unsure) > entry.places_asked:
            entry.places_asked = len(unsure)
            victims = tuple((pid, incident.boottime_ns) for pid in unsure)
            out.append(PlacesWanted(incident_id=incident.id, victims=victims))
        if incident.limit_bytes is None and incident.limit_cgroup and not entry.limit_asked:
            entry.limit_asked = True
            out.append(LimitWanted(incident_id=incident.id, cgroup=incident.limit_cgroup))
        if (
            entry.fate_due_ns is not None
            and now_ns >= entry.fate_due_ns
            and entry.place is not None
        ):
            entry.fate_due_ns = None
            out.append(
                FateWanted(
                    incident_id=incident.id,
                    place=entry.place,
                    killed_boottime_ns=incident.boottime_ns,
                    live=entry.live,
                    group_kill=incident.group_kill,
                )
            )
        return out

    def _complete(self, entry: Entry) -> None:
        """Derive what follows from the victims: place, names, whose init, an outcome that is
        already certain.
        """
        incident = entry.incident
        cgroup = next((v.cgroup for v in incident.victims if v.cgroup), "")
        if not cgroup:
            if incident.unattributed:
                self._book.amend(entry, outcome=Outcome.UNKNOWN)
            return
        if entry.place is None:
            self._settle_place(entry, place_of(cgroup))
        place = entry.place
        assert place is not None
        if entry.incident.limit_level is LimitLevel.UNKNOWN and entry.live:
            hit = self._levels.limit_near(cgroup, entry.opened_ns)
            if hit is not None:
                level = LIMIT_LEVELS[hit.level]
                self._book.amend(entry, limit_level=level, limit_cgroup=hit.path)
        if not place.container_id or incident.outcome is not Outcome.OPEN:
            return
        victims = tuple(self._init_or_not(v, place) for v in incident.victims)
        self._book.amend(entry, victims=victims)
        if any(v.container_init is Truth.YES for v in victims):
            self._book.amend(entry, outcome=Outcome.DIED, hidden=Truth.NO)

    def _name(self, entry: Entry, now_ns: int) -> None:
        """Ask again who it was: a pod may be named when its container is long gone."""
        if entry.place is not None and lacks_pod(entry.incident):
            names = self._directory.names(entry.place)
            if names is not None and names.pod_named:
                self._book.amend(entry, container=names)
        until_ns = awaited_until_ns(entry.opened_ns, self._book.started_ns or 0)
        entry.names_owed = lacks_pod(entry.incident) and now_ns < until_ns

    def _settle_place(self, entry: Entry, place: CgroupPlace) -> None:
        entry.place = place
        if place.container_id:
            entry.fate_owed = True
            entry.fate_due_ns = entry.opened_ns + (self._hold_ns if entry.live else 0)
            self._queue(entry)
        else:
            hidden = Truth.UNKNOWN if place.pod_uid else Truth.NO
            self._book.amend(entry, outcome=Outcome.UNKNOWN, hidden=hidden)
        names = self._directory.names(place)
        if names is not None:
            self._book.belongs(entry, names)
        unit = place.unit if place.level is CgroupLevel.SYSTEM else ""
        self._book.amend(entry, unit=unit, drill=is_drill(place.path))

    def _init_or_not(self, victim: Victim, place: CgroupPlace) -> Victim:
        if victim.container_init is not Truth.UNKNOWN or victim.pid is None:
            return victim
        init = self._directory.init_pid(place)
        if init is None:
            return victim  # a pid namespace that is shared, or one of its own, would mislead
        truth = Truth.YES if victim.pid == init else Truth.NO
        return replace(victim, container_init=truth)


def _turn(entry: Entry) -> int:
    """The place of an incident in a flush; among those of one turn it is first come, first told."""
    return 0 if entry.gave else 1 + entry.published
