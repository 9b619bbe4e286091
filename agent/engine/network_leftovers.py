"""What pods that are gone have left: candidates are followed, and the runtime is asked about those
that nobody has used for the grace.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct, field

from agent.derive.address_pool import Addresses, pools_of
from agent.derive.leftovers import LeftoverFold, Owners, candidates
from agent.engine.network_plans import NetworkPlans
from agent.inventory.listing import Listing
from agent.model.namespaces import NamespaceReport
from agent.model.netlink import HostNetwork, NamespaceNetwork
from agent.model.network import AddressPool, EmptyPod, Leftover

ASK_NS = 30 * 1_000_000_000
"""What the runtime knows is asked again after so long, and at once for what is new."""


class _Answer(Struct, frozen=True, kw_only=True):
    asked_ns: int
    about: frozenset[object]  # keys of candidates
    known: frozenset[str]
    unplaced: int


class LeftoverWatch(Struct, kw_only=True):
    """Owns the fold. `leftovers` is empty while the runtime does not answer; `judged` says so."""

    fold: LeftoverFold
    plans: NetworkPlans
    listing: Callable[[], Awaitable[Listing | None]]
    busy: Callable[[], frozenset[str]]
    """Containers, names of namespaces and uids of pods that a CNI call works on."""
    leftovers: tuple[Leftover, ...] = ()
    judged: bool = False
    pools: tuple[AddressPool, ...] = ()
    addresses_unknown: str = ""  # why nobody can tell whether pods get addresses
    _answer: _Answer | None = field(default=None)

    async def look(
        self,
        seen: NamespaceReport,
        host: HostNetwork,
        networks: dict[int, NamespaceNetwork],
        pods: tuple[EmptyPod, ...] = (),
    ) -> None:
        """One look; all times are those of `seen`. `pods`: cgroups that nothing lives in."""
        now = seen.boottime_ns
        living = frozenset(each.container.id for each in seen.containers if each.pid)
        owners = Owners(by_netns=self.plans.owners(), living=living, busy=self.busy())
        addresses = self._addresses()
        of_pods = addresses.of_pods(living)
        taken = [
            each
            for directory, given in addresses.given.items()
            if directory in of_pods
            for each in given
        ]
        self.fold.observe(candidates(seen, host, networks, taken, owners, pods), now)
        await self._judge(now)
        self.pools = pools_of(addresses, self.leftovers)
        self.addresses_unknown = addresses.unknown(living)

    async def _judge(self, now_ns: int) -> None:
        about = frozenset[object](each.key for each in self.fold.ripe(now_ns))
        if not about:
            self.leftovers, self.judged = (), True
            return
        answer = self._answer
        if answer is None or now_ns - answer.asked_ns >= ASK_NS or not about <= answer.about:
            answer = await self._ask(now_ns, about)
        self._answer = answer
        self.judged = answer is not None
        self.leftovers = ()
        if answer is not None:
            self.leftovers = self.fold.judged(now_ns, known=answer.known, unplaced=answer.unplaced)

    async def _ask(self, now_ns: int, about: frozenset[object]) -> _Answer | None:
        listing = await self.listing()
        if listing is None:
            return None
        placed = frozenset(self.plans.owners().values())
        unplaced = [s for s in listing.sandboxes.values() if not s.ready and s.id not in placed]
        uids = (sandbox.pod_uid for sandbox in listing.sandboxes.values())
        return _Answer(
            asked_ns=now_ns,
            about=about,
            known=frozenset((*listing.sandboxes, *listing.containers, *uids)),
            unplaced=len(unplaced),
        )

    def _addresses(self) -> Addresses:
        return Addresses(
            plan=self.plans.plan,
            without=self.plans.without,
            given={
                directory: tuple((str(each.address), each.container_id) for each in given)
                for directory, given in self.plans.allocations.items()
            },
            unread=self.plans.unread,
        )
