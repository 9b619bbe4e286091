"""What serving needs from the rest of the agent; the composition root hands in one object."""

from __future__ import annotations

from typing import Protocol

from agent.model.memory import MemoryReport
from agent.model.status import NodeStatus, OOMSeries
from agent.state.conditions import Conditions
from agent.state.incidents import IncidentIndex
from agent.state.stream import EventStream


class View(Protocol):
    """The published state. Every call answers at once from memory: none blocks, none awaits."""

    @property
    def incidents(self) -> IncidentIndex: ...

    @property
    def conditions(self) -> Conditions: ...

    @property
    def stream(self) -> EventStream: ...

    def status(self) -> NodeStatus: ...

    def series(self) -> OOMSeries: ...

    def memory(self) -> MemoryReport | None:
        """None until the node was looked at for the first time."""
        ...
