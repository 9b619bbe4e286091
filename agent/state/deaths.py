"""The deaths of containers in memory, each in its latest revision: what lists are answered from."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable

from agent.model.exits import ContainerDeath, Verdict

MAX_DEATHS = 10_000

_Key = tuple[int, str]  # when, by the wall clock; and the id


class DeathIndex:
    """At most `max_deaths`, kept in the order of their time; the oldest goes first."""

    def __init__(
        self, deaths: Iterable[ContainerDeath] = (), *, max_deaths: int = MAX_DEATHS
    ) -> None:
        self._max = max_deaths
        self._by_id: dict[str, ContainerDeath] = {}
        self._order: list[_Key] = []
        for death in deaths:
            self.put(death)

    def __len__(self) -> int:
        return len(self._by_id)

    def put(self, death: ContainerDeath) -> None:
        """Take a new death, or a later revision of one; an earlier revision changes nothing."""
        held = self._by_id.get(death.id)
        if held is not None:
            if held.revision > death.revision:
                return
            del self._order[bisect_left(self._order, _key(held))]
        self._by_id[death.id] = death
        insort(self._order, _key(death))
        if len(self._order) > self._max:
            _, oldest = self._order.pop(0)
            del self._by_id[oldest]

    def adopt(self, deaths: Iterable[ContainerDeath]) -> None:
        """Take those that are not known; for a journal that opened late."""
        for death in deaths:
            if death.id not in self._by_id:
                self.put(death)

    def since(self, wall_ns: int, limit: int) -> tuple[ContainerDeath, ...]:
        """Those at or after this moment, oldest first; of more than `limit` the latest."""
        first = max(bisect_left(self._order, (wall_ns, "")), len(self._order) - limit)
        return tuple(self._by_id[death_id] for _, death_id in self._order[first:])

    def select(
        self,
        *,
        since_wall_ns: int = 0,
        namespace: str = "",
        pod: str = "",
        container: str = "",
        verdicts: Collection[Verdict] = (),
        limit: int,
    ) -> tuple[tuple[ContainerDeath, ...], bool]:
        """Those that match every filter, newest first, at most `limit`; and whether more matched.

        Empty ones match all; `pod` is a name or a UID, `container` a name or an id.
        """
        found: list[ContainerDeath] = []
        for wall_ns, death_id in reversed(self._order):
            if wall_ns < since_wall_ns:
                break
            death = self._by_id[death_id]
            who = death.container
            if namespace and who.namespace != namespace:
                continue
            if pod and pod not in (who.pod, who.pod_uid):
                continue
            if container and container not in (who.name, who.id):
                continue
            if verdicts and death.verdict not in verdicts:
                continue
            if len(found) == limit:
                return tuple(found), True
            found.append(death)
        return tuple(found), False

    @property
    def oldest_wall_ns(self) -> int | None:
        """When the oldest death that is held happened; None if none is."""
        return self._order[0][0] if self._order else None


def _key(death: ContainerDeath) -> _Key:
    return death.wall_ns, death.id
