"""Which ends are told already, by this run or a former one, and since when to look for others."""

from __future__ import annotations

from collections import OrderedDict

from agent.model.cgroup import CgroupPlace
from agent.model.oom import Container

MAX_KNOWN = 20_000
MAX_HELD = 4096

Held = tuple[CgroupPlace, Container]


class Past:
    """While it is not `known`, what a former run may have told is held; both are bounded."""

    def __init__(self, since_wall_ns: int) -> None:
        self.known = False
        self._since_wall_ns = since_wall_ns
        self._told: OrderedDict[str, None] = OrderedDict()
        self._held: OrderedDict[str, Held] = OrderedDict()

    def __contains__(self, container_id: str) -> bool:
        """Whether the end of this container is told, or is held."""
        if container_id in self._told:
            self._told.move_to_end(container_id)  # the runtime's list may have it for days
            return True
        return container_id in self._held

    def told(self, container_id: str) -> bool:
        """Whether its end is told."""
        return container_id in self._told

    def tell(self, container_id: str) -> None:
        """Its end is told, or need not be."""
        self._told[container_id] = None
        while len(self._told) > MAX_KNOWN:
            self._told.popitem(last=False)

    def hold(self, place: CgroupPlace, names: Container) -> None:
        """It ended, and nobody here has seen that: it waits for what a former run has told."""
        self._held[place.container_id] = (place, names)
        while len(self._held) > MAX_HELD:
            self._held.popitem(last=False)

    def drop(self, container_id: str) -> None:
        """Somebody here has seen it after all."""
        self._held.pop(container_id, None)

    def learn(self, since_wall_ns: int) -> tuple[Held, ...]:
        """The past is known: what ended before this moment a former run has seen. Returns what was
        held, some of which may be told by now.
        """
        self.known = True
        self._since_wall_ns = max(since_wall_ns, self._since_wall_ns)
        held, self._held = tuple(self._held.values()), OrderedDict()
        return held

    def has_seen(self, finished_wall_ns: int | None) -> bool:
        """Whether what ended then, or at no time that the runtime has, is not to be recorded."""
        return finished_wall_ns is None or finished_wall_ns < self._since_wall_ns
