"""The counter of container deaths that /metrics shows: a fold over deaths. A death enters once,
when it is settled, and never changes its series afterwards.

A series begins with the first death of its verdict: zeros of all verdicts for each container that
lives would be more than all other series together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping

from agent.model.exits import ContainerDeath, Verdict

MAX_COUNTED = 20_000
"""Deaths that are remembered, so that a further revision does not count them again."""

Labels = tuple[str, str, str]  # namespace, pod, container


class ExitSeries:
    """Feeds on deaths in any revision. At most `max_series` containers; of those that are dead
    each stays for `retention_ns`.
    """

    def __init__(self, *, retention_ns: int, max_series: int) -> None:
        self._retention_ns = retention_ns
        self._max_series = max_series
        self._counts: OrderedDict[Labels, dict[Verdict, int]] = OrderedDict()
        self._seen_ns: dict[Labels, int] = {}  # when it lived last, or had a death
        self._counted: OrderedDict[str, None] = OrderedDict()

    def death(self, death: ContainerDeath, now_ns: int) -> None:
        """Take a death in any revision; it counts once it is settled."""
        if not death.settled or death.id in self._counted:
            return
        self._counted[death.id] = None
        if len(self._counted) > MAX_COUNTED:
            self._counted.popitem(last=False)
        who = death.container
        labels = (who.namespace, who.pod, who.name)
        counts = self._counts.setdefault(labels, {})
        counts[death.verdict] = counts.get(death.verdict, 0) + 1
        self._counts.move_to_end(labels)
        self._seen_ns[labels] = now_ns
        while len(self._counts) > self._max_series:
            self._forget(next(iter(self._counts)))

    def expire(self, now_ns: int, alive: Collection[Labels]) -> None:
        """Give up the series of containers that are gone for longer than the retention."""
        for labels in tuple(self._counts):
            if labels in alive:
                self._seen_ns[labels] = now_ns
            elif now_ns - self._seen_ns[labels] > self._retention_ns:
                self._forget(labels)

    def counts(self) -> Mapping[Labels, Mapping[Verdict, int]]:
        """By container; only verdicts that it has had."""
        return self._counts

    def _forget(self, labels: Labels) -> None:
        del self._counts[labels]
        del self._seen_ns[labels]
