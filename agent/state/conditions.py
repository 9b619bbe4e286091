"""From findings to conditions: a pure fold, with hold times so that nothing flaps.

A finding must last (`raise_after_seconds`) before its condition is True, and be gone as long
(`clear_after_seconds`) before it is False. While a source of it is blind it is Unknown. What comes
from an event is True at once, whoever is blind, and until a fixed time after the event. Between two
changes of one condition into the same status there lies at least the shortest of these times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from agent.model.condition import (
    NODE,
    Condition,
    ConditionType,
    Entity,
    EntityKind,
    Finding,
    Severity,
    Verity,
)
from agent.model.event import ConditionChanged
from agent.state.track import Moment, Track

FORGET_NS = 300 * 10**9
"""So long is a condition of a pod, a container or a unit still shown after it became False."""

WARM_NS = 30 * 10**9
"""So long after a start of the agent what was True before is not missed: some detectors need two
looks at the runtime, or a window of samples.
"""

Key = tuple[str, EntityKind, str]


class Round(Struct, frozen=True, kw_only=True):
    """What one round of all detectors came to."""

    now_boottime_ns: int
    now_wall_ns: int
    findings: Sequence[Finding] = ()
    blind: Mapping[str, str] | None = None  # by type: which source does not see, and why
    alive: Collection[str] | None = None  # ids of the pods and containers there are; None: unknown


class Conditions:
    """All conditions of the node, each in its latest state. At most `max_conditions`."""

    def __init__(
        self,
        catalogue: Iterable[ConditionType],
        *,
        event_ttl_seconds: float | None = None,
        max_conditions: int = 2000,
    ) -> None:
        """`event_ttl_seconds` replaces each `lasts_seconds` of the catalogue."""
        self._kinds = {kind.name: kind for kind in catalogue}
        self._ttl_ns = {
            kind.name: int((event_ttl_seconds or kind.lasts_seconds) * 1e9)
            for kind in self._kinds.values()
            if kind.lasts_seconds is not None
        }
        self._max = max_conditions
        self._tracks: dict[Key, Track] = {}
        self._blind: Mapping[str, str] = {}
        self.left_out = 0  # findings of the last round for which there was no room

    def adopt(self, conditions: Iterable[Condition], now_boottime_ns: int) -> None:
        """Go on from what a former run of the agent said on this boot.

        What was True stays so until it is judged anew, with all its hold times.
        """
        for told in conditions:
            kind = self._kinds.get(told.type)
            if kind is None or told.key in self._tracks or told.status is Verity.FALSE:
                continue
            self._tracks[told.key] = Track(
                kind=kind,
                entity=told.entity,
                condition=told,
                expires_ns=told.expires_boottime_ns,
                told_ns=now_boottime_ns,
                told_severity=told.severity,
                warm_ns=now_boottime_ns + WARM_NS,
                was=told.message if told.status is Verity.TRUE else "",
            )

    def judge(self, round_: Round) -> list[ConditionChanged]:
        """Fold one round; what is to be told of it."""
        now = Moment(boottime_ns=round_.now_boottime_ns, wall_ns=round_.now_wall_ns)
        self._blind = round_.blind or {}
        found = self._newest(round_.findings, now)
        self._watch_types(now)
        self._admit(found)
        changed = []
        for key, track in list(self._tracks.items()):
            if track.stands(found.get(key), now):
                continue  # of a storm's hundreds of kills, all but the latest
            change = self._step(track, found.get(key), round_.alive, now)
            if change is not None:
                changed.append(change)
            elif self._is_over(track, now):
                del self._tracks[key]
        return changed

    def _newest(self, findings: Iterable[Finding], now: Moment) -> dict[Key, Finding]:
        """One finding for each key: of the newest event, else the first."""
        found: dict[Key, Finding] = {}
        for finding in findings:
            ttl_ns = self._ttl_ns.get(finding.type)
            at_ns = finding.at_boottime_ns
            if ttl_ns is not None and at_ns is not None and at_ns + ttl_ns <= now.boottime_ns:
                continue  # over before it was heard of
            key = finding.type, finding.entity.kind, finding.entity.id
            held = found.get(key)
            if held is None or (at_ns or 0) > (held.at_boottime_ns or 0):
                found[key] = finding
        return found

    def _watch_types(self, now: Moment) -> None:
        """Each type about the node is known from the first; one about pods while it is blind."""
        for kind in self._kinds.values():
            key = (kind.name, EntityKind.NODE, "")
            if key in self._tracks:
                continue
            if kind.name in self._blind:
                self._tracks[key] = Track(kind=kind, entity=NODE)
            elif kind.entity is EntityKind.NODE:
                track = self._tracks[key] = Track(kind=kind, entity=NODE)
                track.begin(now)

    def _admit(self, found: Mapping[Key, Finding]) -> None:
        """Follow what is found for the first time, as far as there is room."""
        new = [key for key in found if key not in self._tracks]
        if len(self._tracks) + len(new) > self._max:
            self._make_room(len(self._tracks) + len(new) - self._max)
        room = max(0, self._max - len(self._tracks))
        self.left_out = max(0, len(new) - room)
        for key in new[:room]:
            self._tracks[key] = Track(kind=self._kinds[key[0]], entity=found[key].entity)

    def _make_room(self, wanted: int) -> None:
        over = [
            key
            for key, track in self._tracks.items()
            if track.status is Verity.FALSE and track.entity.kind is not EntityKind.NODE
        ]
        for key in over[:wanted]:
            del self._tracks[key]

    def _step(
        self, track: Track, finding: Finding | None, alive: Collection[str] | None, now: Moment
    ) -> ConditionChanged | None:
        name = track.kind.name
        blind = self._blind.get(name)
        if alive is not None and _is_gone(track.entity, alive):
            blind = None  # nobody needs to see what is not there
        wanted = track.step(finding, blind, now, self._ttl_ns.get(name))
        if wanted is None:
            wanted = track.status
        if wanted is None:
            return None
        reason, message = track.words(wanted, finding, blind)
        before = track.status
        if track.turn(wanted, reason, message, finding if wanted is Verity.TRUE else None, now):
            assert track.condition is not None
            return ConditionChanged(condition=track.condition, previous=before)
        return None

    def _is_over(self, track: Track, now: Moment) -> bool:
        of_one = track.entity.kind is not EntityKind.NODE
        if track.condition is None:
            return track.found_since_ns is None and (of_one or track.blind_since_ns is None)
        if track.status is not Verity.FALSE:
            return False
        return (of_one or track.watches_type) and now.boottime_ns - track.told_ns >= FORGET_NS

    def select(
        self,
        *,
        statuses: Collection[Verity] = (Verity.TRUE, Verity.UNKNOWN),
        types: Collection[str] = (),
        severities: Collection[Severity] = (),
        namespace: str = "",
        pod: str = "",
    ) -> list[Condition]:
        """Those that match every filter, the worst first: True, then by severity, then by age."""
        found = [
            condition
            for track in self._tracks.values()
            if (condition := track.condition) is not None
            and condition.status in statuses
            and (not types or condition.type in types)
            and (not severities or condition.severity in severities)
            and _is_of(condition.entity, namespace, pod)
        ]
        found.sort(key=_rank)
        return found

    def roll_up(self) -> dict[str, Verity]:
        """Each type over all its entities: True if any is; else Unknown if any is, or while one of
        its sources is blind; else False.
        """
        found = {
            name: Verity.UNKNOWN if name in self._blind else Verity.FALSE for name in self._kinds
        }
        for track in self._tracks.values():
            if track.status is Verity.TRUE:
                found[track.kind.name] = Verity.TRUE
            elif track.status is Verity.UNKNOWN and found[track.kind.name] is Verity.FALSE:
                found[track.kind.name] = Verity.UNKNOWN
        return found


def _is_gone(entity: Entity, alive: Collection[str]) -> bool:
    return entity.kind in (EntityKind.POD, EntityKind.CONTAINER) and entity.id not in alive


def _is_of(entity: Entity, namespace: str, pod: str) -> bool:
    if not namespace and not pod:
        return True
    who = entity.names
    if who is None:
        return False
    return (not namespace or who.namespace == namespace) and (
        not pod or pod in (who.pod, who.pod_uid)
    )


_STATUS_RANK = {Verity.TRUE: 0, Verity.UNKNOWN: 1, Verity.FALSE: 2}
_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def _rank(condition: Condition) -> tuple[int, int, int, str, str]:
    return (
        _STATUS_RANK[condition.status],
        _SEVERITY_RANK[condition.severity],
        condition.since_boottime_ns,
        condition.type,
        condition.entity.id,
    )
