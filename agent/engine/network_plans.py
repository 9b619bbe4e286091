"""What the CNI was asked to do for each pod: libcni's results, else the configuration of today."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from msgspec import Struct, field

from agent.host.absence import SourceAbsent
from agent.host.cni_state import Allocation, CNIState
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import ParseError
from agent.model.network import Asked
from agent.parse.cni_plan import CNIResult, NetworkPlan

READ_SECONDS = 5.0
LOOPBACK = "lo"


class NetworkPlans(Struct, kw_only=True):
    """Owns what was last read; it lies on a disk, so it is read in a worker."""

    state: CNIState
    workers: Workers
    loaded: Callable[[], str]
    """The path of the configuration that the runtime has loaded; empty: none, or not known."""
    plan: NetworkPlan | None = None  # of today's configuration
    results: dict[str, CNIResult] = field(default_factory=dict)  # by file
    allocations: tuple[Allocation, ...] = ()  # of today's host-local
    unread: str = ""  # why the results could not be read
    _by_netns: dict[str, CNIResult] = field(default_factory=dict)

    async def read(self) -> None:
        """Read both. A disk that hangs leaves what was read before; raises nothing."""
        try:
            plan, results, allocations = await self.workers.run(
                self._read, self.loaded(), deadline_seconds=READ_SECONDS
            )
        except (Abandoned, TooManyAbandoned, SourceAbsent) as error:
            self.unread = str(error)
            return
        self.unread = ""
        self.plan, self.results, self.allocations = plan, results, allocations
        self._by_netns = {
            each.netns.rpartition("/")[2]: each
            for each in results.values()
            if each.netns and each.interface != LOOPBACK
        }

    def _read(
        self, path: str
    ) -> tuple[NetworkPlan | None, dict[str, CNIResult], tuple[Allocation, ...]]:
        plan = None
        if path:
            with contextlib.suppress(SourceAbsent, ParseError):
                plan = self.state.plan(path)
        directory = "" if plan is None else plan.directory
        allocations = self.state.allocations(directory) if directory else ()
        return plan, self.state.results(self.results), allocations

    def owners(self) -> dict[str, str]:
        """The containers' ids by the names of the namespaces that were given networks for them."""
        return {name: result.container_id for name, result in self._by_netns.items()}

    def asked(self, netns: str) -> Asked:
        """What was asked for in the namespace of this name."""
        result = self._by_netns.get(netns) if netns else None
        plan = self.plan if result is None or result.plan is None else result.plan
        if plan is None:
            return Asked()
        return Asked(
            masquerade=plan.masquerade,
            plugin=plan.plugin,
            addresses=() if result is None else result.addresses,
            gateway=plan.gateway,
            bridge=plan.bridge,
        )

    def masquerades(self) -> bool:
        """Whether anybody asked for masquerading."""
        plans = [self.plan, *(result.plan for result in self._by_netns.values())]
        return any(plan is not None and plan.masquerade for plan in plans)
