"""The counters that /metrics shows: a fold over incidents. A kill enters once, when its outcome and
names are settled, and never changes its series afterwards; the series outlive their container for a
bounded time and number.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct, field

from agent.model.oom import (
    Disagreement,
    LimitLevel,
    OOMBooks,
    OOMIncident,
    Outcome,
)
from agent.model.status import ContainerKills, OOMSeries

CLOSED = (Outcome.SURVIVED, Outcome.DIED, Outcome.UNKNOWN)
MAX_COUNTED = 20_000
"""Incidents that are remembered, so that a further revision does not count them again."""
MAX_UNITS = 64
NAMES_NS = 2_000_000_000
"""A kill waits for its container's names for so long; then it counts under those that are known."""
OTHER_UNITS = "other"
"""Where the kills of further units go when there are more than MAX_UNITS."""

Labels = tuple[str, str, str]  # namespace, pod, container


class _Series(Struct):
    kills: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(CLOSED, 0))
    alive: int = 0  # containers with these labels that live
    dead_since_ns: int | None = None


class _Counted(Struct):
    """Frozen with the first kill that is counted."""

    kills: int = 0
    where: Labels | str | None = None
    outcome: Outcome = Outcome.UNKNOWN


class OOMSeriesFold:
    """Feeds on incidents in any revision and on the coming and going of containers."""

    def __init__(self, *, retention_ns: int, max_series: int) -> None:
        self._retention_ns = retention_ns
        self._max_series = max_series
        self._series: OrderedDict[Labels, _Series] = OrderedDict()
        self._counted: OrderedDict[str, _Counted] = OrderedDict()
        self._nameless: dict[str, tuple[int, OOMIncident]] = {}  # (since, latest revision)
        self._units: dict[str, int] = {}
        self._incidents = dict.fromkeys(LimitLevel, 0)
        self._drill_kills = 0
        self._disagreements = dict.fromkeys(Disagreement, 0)
        del self._disagreements[Disagreement.NONE]
        self._evicted = 0
        self._unattributed = 0
        self._late = 0  # what the books said at the last scrape
        self._before_start = 0

    def appeared(self, labels: Labels) -> None:
        """A container with these names lives: its series stand at zero before anything happens to
        it.
        """
        series = self._series.setdefault(labels, _Series())
        series.alive += 1
        series.dead_since_ns = None

    def vanished(self, labels: Labels, now_ns: int) -> None:
        """A container with these names is gone; its series stay for the retention."""
        series = self._series.get(labels)
        if series is not None:
            series.alive = max(0, series.alive - 1)
            if not series.alive:
                series.dead_since_ns = now_ns

    def incident(self, incident: OOMIncident, now_ns: int) -> None:
        """Take an incident in any revision; it counts once its outcome and names are settled."""
        if incident.outcome is Outcome.OPEN:
            return
        counted = self._counted.get(incident.id)
        if (counted is None or not counted.kills) and _lacks_names(incident):
            since_ns, _ = self._nameless.get(incident.id, (now_ns, None))
            self._nameless[incident.id] = (since_ns, incident)
            if len(self._nameless) <= MAX_COUNTED:
                return
        self._count(incident, now_ns)

    def disagreement(self, kind: Disagreement) -> None:
        """The runtime's last word on one more container contradicts the kernel."""
        self._disagreements[kind] += 1

    def _count(self, incident: OOMIncident, now_ns: int) -> None:
        self._nameless.pop(incident.id, None)
        counted = self._counted.get(incident.id)
        if counted is None:
            counted = self._counted[incident.id] = _Counted()
            while len(self._counted) > MAX_COUNTED:
                self._counted.popitem(last=False)
            if not incident.drill and incident.victims:
                self._incidents[incident.limit_level] += 1
        more = sum(1 for victim in incident.victims if victim.cgroup) - counted.kills
        if more <= 0:
            return
        if not counted.kills:
            counted.where, counted.outcome = _where(incident), incident.outcome
        counted.kills += more
        where = counted.where
        if incident.drill:
            self._drill_kills += more
        elif isinstance(where, tuple):
            series = self._series.get(where)
            if series is None:
                series = self._series[where] = _Series(dead_since_ns=now_ns)
            series.kills[counted.outcome] += more
        elif where is not None:
            full = where not in self._units and len(self._units) >= MAX_UNITS
            unit = OTHER_UNITS if full else where
            self._units[unit] = self._units.get(unit, 0) + more

    def expire(self, now_ns: int) -> None:
        """Give up the series of containers that are dead for longer than the retention, or are too
        many. Count the kills whose names did not come.
        """
        for since_ns, incident in list(self._nameless.values()):
            if now_ns - since_ns >= NAMES_NS:
                self._count(incident, now_ns)
        dead = [
            (series.dead_since_ns, labels)
            for labels, series in self._series.items()
            if series.dead_since_ns is not None
        ]
        surplus = len(self._series) - self._max_series
        for since, labels in sorted(dead):
            if now_ns - since <= self._retention_ns and surplus <= 0:
                break
            del self._series[labels]
            self._evicted += 1
            surplus -= 1

    def series(self, books: OOMBooks) -> OOMSeries:
        """Everything for one scrape.

        A count that a late line took back from `unattributed` stays in its counter, for a counter
        that falls reads as a restart; the books have the difference.
        """
        late = books.unattributed - books.unattributed_before_start
        self._unattributed += max(0, late - self._late)
        self._late = late
        self._before_start = max(self._before_start, books.unattributed_before_start)
        return OOMSeries(
            containers=tuple(
                ContainerKills(
                    namespace=namespace, pod=pod, container=container, kills=dict(series.kills)
                )
                for (namespace, pod, container), series in self._series.items()
            ),
            series_evicted=self._evicted,
            system_kills=dict(self._units),
            incidents=dict(self._incidents),
            repeats=books.repeats,
            unattributed=self._unattributed,
            before_start=self._before_start,
            drill_kills=self._drill_kills,
            disbelieved=books.disbelieved,
            disagreements=dict(self._disagreements),
        )


def _lacks_names(incident: OOMIncident) -> bool:
    container = incident.container
    if container is None or incident.drill:
        return False
    return not (container.namespace and container.pod and (container.name or not container.id))


def _where(incident: OOMIncident) -> Labels | str | None:
    container = incident.container
    if container is not None:
        return (container.namespace, container.pod, container.name)
    if incident.victims and not incident.unattributed:
        return incident.unit or incident.victims[0].cgroup
    return None
