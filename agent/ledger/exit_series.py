"""The counter of container deaths that /metrics shows: a fold over deaths. A death enters once,
when it is settled, and never changes its series afterwards.

The series of a container stand at zero while it lives and for a while after, one for each verdict,
so that `increase()` sees the first death. The sums are kept by the journal apart from the deaths,
whose number is bounded: a counter may not fall when the oldest of them goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from agent.model.exits import ContainerDeath, ExitCount, Verdict

MAX_COUNTED = 20_000
"""Deaths that are remembered, so that a further revision does not count them again."""
ZEROS_NS = 600_000_000_000
"""How long the zeros of a dead container stay: its death may be settled a minute later."""

Labels = tuple[str, str, str]  # namespace, pod, container

_ZEROS: Mapping[Verdict, int] = dict.fromkeys(Verdict, 0)
"""Of all that nothing has happened to: there are many of them."""


class ExitSeries:
    """Feeds on deaths in any revision and on the coming and going of containers. Of those that are
    dead each stays for `retention_ns`, and at most as many as make `max_series` with the living.
    """

    def __init__(self, *, retention_ns: int, max_series: int) -> None:
        self._retention_ns = retention_ns
        self._max_series = max_series
        self._counts: dict[Labels, Mapping[Verdict, int]] = {}  # no value is ever changed
        self._alive: dict[Labels, int] = {}  # how many live
        self._dead: OrderedDict[Labels, int] = OrderedDict()  # since when, or its last death
        self._zeros: OrderedDict[Labels, int] = OrderedDict()  # the same, while it has zeros
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._unsaved: dict[tuple[Labels, Verdict], int] = {}

    def appeared(self, labels: Labels) -> None:
        """A container with these names lives."""
        self._alive[labels] = self._alive.get(labels, 0) + 1
        self._dead.pop(labels, None)
        self._zeros.pop(labels, None)
        before = self._counts.get(labels)
        self._counts[labels] = {**_ZEROS, **before} if before else _ZEROS

    def vanished(self, labels: Labels, now_ns: int) -> None:
        """A container with these names is gone."""
        left = self._alive.pop(labels, 0) - 1
        if left > 0:
            self._alive[labels] = left
        elif labels in self._counts:
            self._rest(labels, now_ns)

    def death(self, death: ContainerDeath, now_ns: int) -> None:
        """Take a death in any revision; it counts once it is settled."""
        if not death.settled or not self._first(death):
            return
        labels = labels_of(death)
        self._add(labels, death.verdict, 1)
        self._save(labels, death.verdict, 1)
        if labels not in self._alive:
            self._rest(labels, now_ns)

    def adopt(
        self, sums: Iterable[ExitCount], deaths: Iterable[ContainerDeath], now_ns: int
    ) -> None:
        """Go on from what a journal holds, all of this boot; it may have opened late. Those of the
        `deaths` that are settled are in the sums; one that was counted here too counts once.
        """
        found: dict[tuple[Labels, Verdict], int] = {}
        for each in sums:
            found[(each.namespace, each.pod, each.container), each.verdict] = each.count
        for death in deaths:
            key = labels_of(death), death.verdict
            if death.settled and not self._first(death) and found.get(key, 0) > 0:
                found[key] -= 1
                self._save(*key, -1)
        for (labels, verdict), count in found.items():
            self._add(labels, verdict, count)
            if labels not in self._alive:
                self._rest(labels, now_ns)

    def expire(self, now_ns: int) -> None:
        """Give up what is dead for longer than the retention, or is too much; and the zeros."""
        while self._zeros and now_ns - next(iter(self._zeros.values())) > ZEROS_NS:
            labels, _ = self._zeros.popitem(last=False)
            counts = {verdict: n for verdict, n in self._counts[labels].items() if n}
            self._counts[labels] = counts
            if not counts:
                self._forget(labels)
        while self._dead:
            labels, since_ns = next(iter(self._dead.items()))
            surplus = len(self._counts) > self._max_series
            if now_ns - since_ns <= self._retention_ns and not surplus:
                break
            self._forget(labels)

    def counts(self) -> Mapping[Labels, Mapping[Verdict, int]]:
        """By container; those of one are another object when one of them has changed."""
        return self._counts

    def unsaved(self) -> list[ExitCount]:
        """By how much the sums of a journal are to rise, or to fall where series were given up."""
        return [
            ExitCount(
                namespace=namespace, pod=pod, container=container, verdict=verdict, count=count
            )
            for ((namespace, pod, container), verdict), count in self._unsaved.items()
        ]

    def saved(self) -> None:
        """The journal has taken all of that."""
        self._unsaved.clear()

    def _first(self, death: ContainerDeath) -> bool:
        if death.id in self._counted:
            return False
        self._counted[death.id] = None
        if len(self._counted) > MAX_COUNTED:
            self._counted.popitem(last=False)
        return True

    def _add(self, labels: Labels, verdict: Verdict, count: int) -> None:
        before = self._counts.get(labels, {})
        self._counts[labels] = {**before, verdict: before.get(verdict, 0) + count}

    def _save(self, labels: Labels, verdict: Verdict, count: int) -> None:
        key = labels, verdict
        self._unsaved[key] = self._unsaved.get(key, 0) + count
        if not self._unsaved[key]:
            del self._unsaved[key]

    def _rest(self, labels: Labels, now_ns: int) -> None:
        for order in (self._dead, self._zeros):
            order[labels] = now_ns
            order.move_to_end(labels)

    def _forget(self, labels: Labels) -> None:
        for verdict, count in self._counts.pop(labels).items():
            if count:
                self._save(labels, verdict, -count)
        self._dead.pop(labels, None)
        self._zeros.pop(labels, None)


def labels_of(death: ContainerDeath) -> Labels:
    """Under which it is counted."""
    who = death.container
    return who.namespace, who.pod, who.name
