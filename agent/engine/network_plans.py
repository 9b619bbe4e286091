"""What the CNI was asked to do for each pod: libcni's results, else the configuration of today; and
what host-local has given.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.cni_state import Allocation, CNIState
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import ParseError
from agent.model.network import Asked
from agent.parse.cni_plan import DATA_DIRECTORY, CNIResult, NetworkPlan

READ_SECONDS = 5.0
LOOPBACK = "lo"


class _Read(Struct, frozen=True, kw_only=True):
    plan: NetworkPlan | None
    without: str  # why there is no plan
    results: dict[str, CNIResult]
    allocations: dict[str, tuple[Allocation, ...]]


class NetworkPlans(Struct, kw_only=True):
    """Owns what was last read; it lies on a disk, so it is read in a worker."""

    state: CNIState
    workers: Workers
    loaded: Callable[[], str]
    """The path of the configuration that the runtime has loaded; empty: none, or not known."""
    plan: NetworkPlan | None = None  # of today's configuration
    without: str = ""  # why there is none; empty: nothing is loaded
    results: dict[str, CNIResult] = field(default_factory=dict)  # by file
    allocations: dict[str, tuple[Allocation, ...]] = field(default_factory=dict)
    """host-local's, by directory: today's, those of other networks, and what is left of former
    ones.
    """
    unread: str = ""  # why it could not be read
    _by_netns: dict[str, CNIResult] = field(default_factory=dict)

    async def read(self) -> None:
        """Read all. A disk that hangs leaves what was read before; raises nothing."""
        try:
            found = await self.workers.run(self._read, self.loaded(), deadline_seconds=READ_SECONDS)
        except (Abandoned, TooManyAbandoned, SourceAbsent) as error:
            self.unread = str(error)
            return
        self.unread = ""
        self.plan, self.without, self.results = found.plan, found.without, found.results
        self.allocations = found.allocations
        self._by_netns = {
            each.netns.rpartition("/")[2]: each
            for each in self.results.values()
            if each.netns and each.interface != LOOPBACK
        }

    def _read(self, path: str) -> _Read:
        plan, without = None, ""
        networks = self.state.networks()
        if path:
            try:
                plan = self._delegated(self.state.plan(path), networks)
            except (SourceAbsent, ParseError) as error:
                without = f"{path}: {error}"
        results = self.state.results(self.results)
        plans = [plan, *(result.plan for result in results.values())]
        asked = (each.directory for each in plans if each is not None and each.directory)
        return _Read(
            plan=plan,
            without=without,
            results=results,
            allocations={
                directory: self.state.allocations(directory)
                for directory in dict.fromkeys((*asked, *networks))
            },
        )

    def _delegated(self, plan: NetworkPlan, networks: list[str]) -> NetworkPlan:
        """With the addresses that another plugin has it give, behind the one that is named."""
        if plan.directory:
            return plan
        found = self.state.delegate(plan.delegates) if plan.delegates else None
        if found is not None and found.network == plan.network and found.directory:
            return replace(plan, directory=found.directory, sets=found.sets, unread=found.unread)
        directory = f"{DATA_DIRECTORY}/{plan.network}"
        if directory not in networks:
            return plan
        unread = f"of whatever {plan.plugin} calls, the ranges are not seen"
        return replace(plan, directory=directory, unread=unread)

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
