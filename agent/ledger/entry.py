"""An incident of the ledger, and what is owed to it."""

from __future__ import annotations

from msgspec import Struct, field

from agent.model.cgroup import CgroupPlace
from agent.model.oom import Attribution, OOMIncident, Outcome


class Entry(Struct):
    """An incident and what is owed to it."""

    incident: OOMIncident
    opened_ns: int
    live: bool  # the agent was there when it happened
    early: bool  # it counts as from before the agent first ran on this boot
    place: CgroupPlace | None = None
    published: bool = False
    dirty: bool = True
    gave: bool = False  # a kill of it moved to another incident: that is told first
    fate_due_ns: int | None = None  # when to ask what became of the container
    fate_queued: bool = False  # it waits for that moment
    fate_owed: bool = False  # not answered yet
    names_owed: bool = False  # its pod may still be named
    limit_asked: bool = False
    places_asked: int = 0  # for how many victims the recorder was asked
    ordinals: list[dict[str, int]] = field(default_factory=list)  # per victim, see Levels.book

    @property
    def unsure(self) -> tuple[int, ...]:
        """The pids of victims whose cgroup nothing tells, or only a counter: the flight recorder
        may know better.
        """
        return tuple(
            victim.pid
            for victim in self.incident.victims
            if victim.pid is not None
            and victim.attribution in (Attribution.NONE, Attribution.COUNTER)
        )

    @property
    def settled(self) -> bool:
        """Nothing is owed any more; later evidence can still amend it."""
        incident = self.incident
        placed = incident.unattributed or all(v.cgroup for v in incident.victims)
        owed = self.fate_owed or self.names_owed
        return placed and not owed and incident.outcome is not Outcome.OPEN
