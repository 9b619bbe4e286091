"""The sums behind the counters of OOM kills, and by how much those of the journal are to rise."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct, field

from agent.model.oom import Disagreement, LimitLevel, OOMCount, OOMCounter, OOMSum, Outcome

CLOSED = (Outcome.SURVIVED, Outcome.DIED, Outcome.UNKNOWN)

Labels = tuple[str, str, str]  # namespace, pod, container
_Label = TypeVar("_Label", Outcome, LimitLevel, Disagreement)


class Series(Struct):
    """Of one container."""

    kills: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(CLOSED, 0))
    alive: int = 0  # containers with these labels that live
    dead_since_ns: int | None = None


class OOMSums:
    """What changes here is owed to the journal until it is `saved`."""

    def __init__(self) -> None:
        self.series: OrderedDict[Labels, Series] = OrderedDict()
        self.units: dict[str, int] = {}
        self.incidents = dict.fromkeys(LimitLevel, 0)
        self.drills = 0
        self.disagreements = dict.fromkeys(Disagreement, 0)
        del self.disagreements[Disagreement.NONE]
        self.taken_back: dict[str, int] = {}
        self._unsaved: dict[OOMSum, int] = {}

    def add(self, key: OOMSum, count: int, now_ns: int = 0) -> None:
        """So many more."""
        self.restore(key, count, now_ns)
        self.owe(key, count)

    def owe(self, key: OOMSum, count: int) -> None:
        """The journal's sum alone is to change."""
        self._unsaved[key] = self._unsaved.get(key, 0) + count
        if not self._unsaved[key]:
            del self._unsaved[key]

    def restore(self, key: OOMSum, count: int, now_ns: int) -> None:
        """The journal has so many. Of a label that this version does not know nothing is shown."""
        match key.counter:
            case OOMCounter.KILLS:
                labels = key.namespace, key.pod, key.container
                outcome = _named(Outcome, key.label)
                series = self.series.setdefault(labels, Series(dead_since_ns=now_ns))
                if outcome in series.kills:
                    series.kills[outcome] += count
            case OOMCounter.SYSTEM:
                self.units[key.label] = self.units.get(key.label, 0) + count
            case OOMCounter.INCIDENTS:
                level = _named(LimitLevel, key.label)
                if level is not None:
                    self.incidents[level] += count
            case OOMCounter.DRILLS:
                self.drills += count
            case OOMCounter.DISAGREEMENTS:
                kind = _named(Disagreement, key.label)
                if kind in self.disagreements:
                    self.disagreements[kind] += count
            case OOMCounter.TAKEN_BACK:
                self.taken_back[key.label] = self.taken_back.get(key.label, 0) + count
            case OOMCounter.WAITING:
                pass

    def drop(self, labels: Labels) -> None:
        """The series of a container are given up."""
        for outcome, count in self.series.pop(labels).kills.items():
            if count:
                self.owe(killed(labels, outcome), -count)

    def unsaved(self) -> list[OOMCount]:
        """By how much the sums of a journal are to rise, or to fall where series were given up."""
        return [OOMCount(sum=key, count=count) for key, count in self._unsaved.items()]

    def saved(self) -> None:
        """The journal has taken all of that."""
        self._unsaved.clear()

    def supersede(self, sums: Iterable[OOMCount]) -> None:
        """The journal has these, which are of no use any more."""
        for each in sums:
            self.owe(each.sum, -each.count)


def killed(labels: Labels, outcome: Outcome) -> OOMSum:
    """Of a container."""
    namespace, pod, container = labels
    return OOMSum(
        counter=OOMCounter.KILLS,
        namespace=namespace,
        pod=pod,
        container=container,
        label=outcome.value,
    )


def _named(kind: type[_Label], value: str) -> _Label | None:
    return next((each for each in kind if each.value == value), None)
