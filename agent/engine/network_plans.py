"""What the CNI was asked to do for each pod: libcni's results, else the configuration of today; and
what host-local has given.
"""

from __future__ import annotations

import contextlib
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
FEW_FILES = 256
"""Of another network than those that are asked for, so many are read at each look."""
LARGE_LOOKS = 6
"""What has more is read at one look of so many, one directory at a time."""


class _Read(Struct, frozen=True, kw_only=True):
    plan: NetworkPlan | None
    without: str  # why there is no plan
    results: dict[str, CNIResult]
    allocations: dict[str, tuple[Allocation, ...]]
    large: list[str]  # directories that were left out of them


class NetworkPlans(Struct, kw_only=True):
    """Owns what was last read; it lies on a disk, so it is read in a worker."""

    state: CNIState
    workers: Workers
    loaded: Callable[[], tuple[str, str]]
    """The path of the configuration that the runtime has loaded, or why it is not known."""
    plan: NetworkPlan | None = None  # of today's configuration
    without: str = ""  # why there is none; empty: nothing is loaded
    results: dict[str, CNIResult] = field(default_factory=dict)  # by file
    allocations: dict[str, tuple[Allocation, ...]] = field(default_factory=dict)
    """host-local's, by directory: today's, those of other networks, and what is left of former
    ones.
    """
    unread: str = ""  # why it could not be read
    _large: dict[str, tuple[Allocation, ...]] = field(default_factory=dict)
    _looks: int = 0
    _by_netns: dict[str, CNIResult] = field(default_factory=dict)

    async def read(self) -> None:
        """Read all. A disk that hangs leaves what was read before; raises nothing."""
        try:
            found = await self.workers.run(
                self._read, *self.loaded(), deadline_seconds=READ_SECONDS
            )
        except (Abandoned, TooManyAbandoned, SourceAbsent) as error:
            self.unread = str(error)
            return
        self.unread = ""
        self.plan, self.without, self.results = found.plan, found.without, found.results
        await self._read_large(found.large)
        self.allocations = found.allocations | self._large
        self._by_netns = {
            each.netns.rpartition("/")[2]: each
            for each in self.results.values()
            if each.netns and each.interface != LOOPBACK
        }

    async def _read_large(self, large: list[str]) -> None:
        """In a call of its own, so that what somebody has left in masses hides no plan. What is not
        read in time counts as it was before, or not at all.
        """
        self._looks += 1
        self._large = {each: self._large[each] for each in large if each in self._large}
        due = [each for each in large if each not in self._large]
        turn = self._looks
        if not due and self._looks % LARGE_LOOKS == 0:
            due, turn = large, self._looks // LARGE_LOOKS
        if due:
            directory = due[turn % len(due)]
            with contextlib.suppress(Abandoned, TooManyAbandoned, SourceAbsent):
                self._large[directory] = await self.workers.run(
                    self.state.allocations, directory, deadline_seconds=READ_SECONDS, key="large"
                )

    def _read(self, path: str, without: str) -> _Read:
        plan = None
        networks = self.state.networks()
        if path:
            try:
                plan = self._delegated(self.state.plan(path), networks)
            except (SourceAbsent, ParseError) as error:
                without = f"{path}: {error}"
        results = self.state.results(self.results)
        plans = [plan, *(result.plan for result in results.values())]
        asked = {each.directory for each in plans if each is not None and each.directory}
        others = [each for each in networks if each not in asked]
        large = [each for each in others if self.state.size(each) > FEW_FILES]
        read = dict.fromkeys((*sorted(asked), *others))
        return _Read(
            plan=plan,
            without=without,
            results=results,
            allocations={
                directory: self.state.allocations(directory)
                for directory in read
                if directory not in large
            },
            large=large,
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
