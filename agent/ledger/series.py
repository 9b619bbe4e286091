"""The counters that /metrics shows: a fold over incidents. A kill enters once, when its outcome and
names are settled, and never changes its series afterwards; the series outlive their container for a
bounded time and number.

The sums are kept by the journal apart from the incidents, whose number is bounded: a counter may
not fall when the oldest of them goes, for a fall reads as a restart, and what is left as new kills.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from itertools import islice

from msgspec import Struct

from agent.ledger.checkpoint import Checkpoint
from agent.ledger.naming import lacks_names
from agent.ledger.oom_sums import Labels, OOMSums, Series, killed
from agent.ledger.waiting import Waiting
from agent.model.oom import (
    Disagreement,
    OOMBooks,
    OOMCount,
    OOMCounter,
    OOMIncident,
    OOMSum,
    Outcome,
)
from agent.model.status import ContainerKills, OOMSeries

MAX_COUNTED = 20_000
"""Incidents that are remembered, so that a further revision does not count them again."""
MAX_UNITS = 64
OTHER_UNITS = "other"
"""Where the kills of further units go when there are more than MAX_UNITS."""
LATE, EARLY = "unattributed", "unattributed_before_start"


class _Counted(Struct):
    """Frozen with the first kill that is counted."""

    kills: int = 0
    placed: int = 0  # what it has at its latest revision: less, when kills have moved away since
    moved: int = 0  # of the incident's moved_from, those that were looked at
    where: Labels | str | None = None
    outcome: Outcome = Outcome.UNKNOWN


class OOMSeriesFold:
    """Feeds on incidents in any revision and on the coming and going of containers."""

    def __init__(self, *, retention_ns: int, max_series: int) -> None:
        self._retention_ns = retention_ns
        self._max_series = max_series
        self._sums = OOMSums()
        self._counted: OrderedDict[str, _Counted] = OrderedDict()
        self._waiting = Waiting(self._sums)
        self._evicted = 0
        self._last: dict[str, int] = {}  # what the books said, by their fields

    def adopt(
        self,
        sums: Iterable[OOMCount],
        incidents: Iterable[OOMIncident],
        now_ns: int,
        point: Checkpoint | None = None,
    ) -> None:
        """Go on from what a journal holds, all of this boot. Of the `incidents` those whose outcome
        is settled are in the sums, but for those that waited for names. What the books said is in
        the checkpoint: they may say less before anybody asks again.
        """
        if point is not None:
            self.balanced(point)
        for each in sums:
            if each.sum.counter is OOMCounter.WAITING:
                self._waiting.found(each)
            else:
                self._sums.restore(each.sum, each.count, now_ns)
        for incident in incidents:
            if not self._waiting.restore(incident, now_ns) and incident.outcome is not Outcome.OPEN:
                self._counted[incident.id] = _Counted(
                    kills=_placed(incident),
                    placed=_placed(incident),
                    moved=len(incident.moved_from),
                    where=_where(incident),
                    outcome=incident.outcome,
                )
        for incident, elsewhere in self._waiting.restored():
            counted = (origin for origin in incident.moved_from if origin in self._counted)
            for origin in islice(counted, elsewhere):
                self._counted[origin].kills += 1

    def supersede(self, sums: Iterable[OOMCount]) -> None:
        """A journal that opened late holds these: they are given up, for the counters have begun
        anew since, and a counter that rises by what was counted before reads as new kills.
        """
        self._sums.supersede(sums)

    def unsaved(self) -> list[OOMCount]:
        """By how much the sums of a journal are to rise, or to fall where series were given up."""
        return self._sums.unsaved()

    def saved(self) -> None:
        """The journal has taken all of that."""
        self._sums.saved()

    def balanced(self, point: Checkpoint) -> None:
        """What the books say, each time that they are stored: a count that a late line took back
        from `unattributed` stays in its counter; the books have the difference.
        """
        self._note(point.unattributed - point.before_start, point.before_start)

    def _note(self, late: int, early: int) -> None:
        for label, now in ((LATE, late), (EARLY, early)):
            fell = self._last.get(label, now) - now
            if fell > 0:
                self._sums.add(OOMSum(counter=OOMCounter.TAKEN_BACK, label=label), fell)
            self._last[label] = now

    def appeared(self, labels: Labels) -> None:
        """A container with these names lives: its series stand at zero before anything happens to
        it.
        """
        series = self._sums.series.setdefault(labels, Series())
        series.alive += 1
        series.dead_since_ns = None

    def vanished(self, labels: Labels, now_ns: int) -> None:
        """A container with these names is gone; its series stay for the retention."""
        series = self._sums.series.get(labels)
        if series is not None:
            series.alive = max(0, series.alive - 1)
            if not series.alive:
                series.dead_since_ns = now_ns

    def incident(self, incident: OOMIncident, now_ns: int) -> None:
        """Take an incident in any revision; it counts once its outcome and names are settled."""
        if incident.outcome is Outcome.OPEN:
            return
        counted = self._counted.get(incident.id)
        if (counted is None or not counted.kills) and lacks_names(incident):
            self._waiting.hold(incident, now_ns, self._elsewhere(incident))
            if len(self._waiting) <= MAX_COUNTED:
                return
        self._count(incident, now_ns)

    def disagreement(self, kind: Disagreement) -> None:
        """The runtime's last word on one more container contradicts the kernel."""
        self._sums.add(OOMSum(counter=OOMCounter.DISAGREEMENTS, label=kind.value), 1)

    def _count(self, incident: OOMIncident, now_ns: int) -> None:
        self._waiting.end(incident.id)
        counted, first = self._counted.get(incident.id), False
        if counted is None:
            counted, first = _Counted(), True
            self._counted[incident.id] = counted
            while len(self._counted) > MAX_COUNTED:
                self._counted.popitem(last=False)
        counted.placed = _placed(incident)
        more = counted.placed - counted.kills
        if more > 0:
            if not counted.kills:
                counted.where, counted.outcome = _where(incident), incident.outcome
            counted.kills += more
            taken, replaces = self._moved(incident, counted, more)
            first = first and not replaces
            key = self._key(incident, counted)
            if key is not None and more > taken:
                self._sums.add(key, more - taken, now_ns)
        if first and not incident.drill and incident.victims:
            level = incident.limit_level.value
            self._sums.add(OOMSum(counter=OOMCounter.INCIDENTS, label=level), 1)

    def _elsewhere(self, incident: OOMIncident) -> int:
        """How many of its kills are counted for the incidents that they have moved from."""
        left = 0
        for origin, moved in Counter(incident.moved_from).items():
            counted = self._counted.get(origin)
            if counted is not None:
                left += min(moved, max(0, counted.kills - counted.placed))
        return left

    def _moved(self, incident: OOMIncident, counted: _Counted, most: int) -> tuple[int, bool]:
        """How many of its kills were counted for other incidents and moved here: those stay in the
        series where they are. And whether it takes the place of one of which nothing is left. A
        kill that moved before its first incident was counted was counted nowhere.
        """
        taken, replaces = 0, False
        while taken < most and counted.moved < len(incident.moved_from):
            origin = self._counted.get(incident.moved_from[counted.moved])
            counted.moved += 1
            if origin is not None and origin.kills > origin.placed:
                origin.kills -= 1
                taken += 1
                replaces = replaces or not origin.kills
        return taken, replaces

    def _key(self, incident: OOMIncident, counted: _Counted) -> OOMSum | None:
        where = counted.where
        if incident.drill:
            return OOMSum(counter=OOMCounter.DRILLS)
        if isinstance(where, tuple):
            return killed(where, counted.outcome)
        if where is None:
            return None
        units = self._sums.units
        full = where not in units and len(units) >= MAX_UNITS
        return OOMSum(counter=OOMCounter.SYSTEM, label=OTHER_UNITS if full else where)

    def expire(self, now_ns: int) -> None:
        """Give up the series of containers that are dead for longer than the retention, or are too
        many. Count the kills whose names did not come.
        """
        for incident in self._waiting.overdue(now_ns):
            self._count(incident, now_ns)
        dead = [
            (series.dead_since_ns, labels)
            for labels, series in self._sums.series.items()
            if series.dead_since_ns is not None
        ]
        surplus = len(self._sums.series) - self._max_series
        for since, labels in sorted(dead):
            if now_ns - since <= self._retention_ns and surplus <= 0:
                break
            self._sums.drop(labels)
            self._evicted += 1
            surplus -= 1

    def series(self, books: OOMBooks) -> OOMSeries:
        """Everything for one scrape."""
        sums, before_start = self._sums, books.unattributed_before_start
        self._note(books.unattributed - before_start, before_start)
        late, early = (sums.taken_back.get(label, 0) for label in (LATE, EARLY))
        return OOMSeries(
            containers=tuple(
                ContainerKills(
                    namespace=namespace, pod=pod, container=container, kills=dict(series.kills)
                )
                for (namespace, pod, container), series in sums.series.items()
            ),
            series_evicted=self._evicted,
            system_kills=dict(sums.units),
            incidents=dict(sums.incidents),
            repeats=books.repeats,
            unattributed=late + books.unattributed - before_start,
            before_start=early + before_start,
            drill_kills=sums.drills,
            disbelieved=books.disbelieved,
            disagreements=dict(sums.disagreements),
        )


def _placed(incident: OOMIncident) -> int:
    return sum(1 for victim in incident.victims if victim.cgroup)


def _where(incident: OOMIncident) -> Labels | str | None:
    container = incident.container
    if container is not None:
        return (container.namespace, container.pod, container.name)
    if incident.victims and not incident.unattributed:
        return incident.unit or incident.victims[0].cgroup
    return None
