"""What serving needs from the rest of the agent; the composition root hands in one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from agent.inventory.running import Running
from agent.model.blocked import BlockedReport
from agent.model.cni import CNIReport
from agent.model.cpu import CPUReport
from agent.model.disks import DiskReport
from agent.model.exits import Verdict
from agent.model.faults import FaultReport
from agent.model.heartbeat import HeartbeatReport
from agent.model.kubelet import KubeletReport
from agent.model.memory import MemoryReport
from agent.model.network import NetworkReport
from agent.model.plumbing import PlumbingReport
from agent.model.pressure import PressureReport
from agent.model.pulls import PullReport
from agent.model.runtime import RuntimeReport
from agent.model.status import NodeStatus, OOMSeries
from agent.state.conditions import Conditions
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.stream import EventStream


class View(Protocol):
    """The published state. Every call answers at once from memory: none blocks, none awaits."""

    @property
    def incidents(self) -> IncidentIndex: ...

    @property
    def deaths(self) -> DeathIndex: ...

    @property
    def conditions(self) -> Conditions: ...

    @property
    def stream(self) -> EventStream: ...

    def status(self) -> NodeStatus: ...

    def series(self) -> OOMSeries: ...

    def running(self) -> Running:
        """What runs, and what it uses."""
        ...

    def pressure(self) -> PressureReport | None:
        """None until it was read for the first time."""
        ...

    def exits(self) -> Mapping[tuple[str, str, str], Mapping[Verdict, int]]:
        """Deaths by namespace, pod, container and verdict."""
        ...

    def memory(self) -> MemoryReport | None:
        """None until the node was looked at for the first time."""
        ...

    def cni(self) -> CNIReport:
        """Calls of CNI plugins, and the CNI's configuration."""
        ...

    def network(self) -> NetworkReport | None:
        """Namespaces and pod networks; None while they are not read."""
        ...

    def heartbeat(self) -> HeartbeatReport | None:
        """None until it was looked at for the first time, and while looking hangs."""
        ...

    def plumbing(self) -> PlumbingReport | None:
        """The node's own network; None until it was read for the first time, and while that
        hangs.
        """
        ...

    def pulls(self) -> PullReport | None:
        """None until they were looked at for the first time, and while looking hangs."""
        ...

    def disks(self) -> DiskReport | None:
        """None until they were read for the first time, and while reading hangs."""
        ...

    def blocked(self) -> BlockedReport | None:
        """None until the tasks were looked at for the first time, and while looking hangs."""
        ...

    def faults(self) -> FaultReport:
        """What was read so far."""
        ...

    def cpu(self) -> CPUReport | None:
        """None until it was read for the first time, and while reading hangs."""
        ...

    def kubelet(self) -> KubeletReport | None:
        """None until it was looked at for the first time, and while looking hangs."""
        ...

    def runtime(self) -> RuntimeReport | None:
        """None until it was looked at for the first time, and while looking hangs."""
        ...
