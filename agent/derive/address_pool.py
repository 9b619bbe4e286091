"""Addresses of host-local against its ranges. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct, field

from agent.model.network import AddressPool, Leftover, LeftoverKind
from agent.parse.cni_plan import NetworkPlan

NO_RANGES = "no configuration that is loaded tells its ranges"

_Given = tuple[str, str]
"""An address, and the id of the container that has it."""


class Addresses(Struct, frozen=True, kw_only=True):
    """What host-local has given."""

    plan: NetworkPlan | None  # of today's configuration
    without: str = ""  # why there is none; empty: nothing is loaded
    given: Mapping[str, tuple[_Given, ...]] = field(default_factory=dict)  # by directory
    unread: str = ""  # why it is not known

    def of_pods(self, living: Collection[str]) -> frozenset[str]:
        """The directories of the runtime's networks: today's, and those that a container of a pod
        has an address of. Others are of former networks, or of who else has containers.
        """
        used = {
            directory
            for directory, given in self.given.items()
            if any(owner in living for _, owner in given)
        }
        named = set() if self.plan is None else {self.plan.directory}
        return frozenset((used | named) - {""})

    def unknown(self, living: Collection[str]) -> str:
        """Why nobody can tell whether a pod gets an address; empty: it is known, or nothing is
        loaded and no pod has an address.
        """
        plan = self.plan
        if self.unread or (plan is None and self.without):
            return self.unread or self.without
        if plan is not None and not plan.directory:
            return (
                f"{plan.plugin} gives the addresses of network {plan.network} without host-local, "
                "and nobody here sees them"
            )
        if plan is not None and plan.unread:
            return f"network {plan.network}: {plan.unread}"
        todays = set() if plan is None else {plan.directory}
        others = sorted(self.of_pods(living) - todays)
        return f"{others[0]}: {NO_RANGES}" if others else ""


def pools_of(addresses: Addresses, leftovers: Iterable[Leftover] = ()) -> tuple[AddressPool, ...]:
    """What is used and free of each set of ranges, and what of the used belongs to nobody; or that
    it is not known. A directory whose ranges are not known is one pool, unless it is empty.
    """
    of_nobody = {(each.name, each.owner) for each in leftovers if each.kind is LeftoverKind.ADDRESS}
    plan = addresses.plan
    pools = [] if plan is None else list(_of_plan(plan, addresses, of_nobody))
    for directory, given in addresses.given.items():
        if given and (plan is None or directory != plan.directory):
            network = directory.rpartition("/")[2]
            pools.append(_pool(network, directory, given, of_nobody, NO_RANGES, addresses.unread))
    return tuple(pools)


def _of_plan(
    plan: NetworkPlan, addresses: Addresses, of_nobody: Collection[_Given]
) -> Iterator[AddressPool]:
    given = addresses.given.get(plan.directory, ())
    taken = [(ipaddress.ip_address(each[0]), each) for each in given]
    others = dict.fromkeys(given)
    for ranges in plan.sets:
        used = [each for address, each in taken if any(address in one for one in ranges)]
        for each in used:
            others.pop(each, None)
        yield AddressPool(
            network=plan.network,
            directory=plan.directory,
            ranges=tuple(map(str, ranges)),
            total=sum(one.total for one in ranges),
            used=len(used),
            leaked=sum(each in of_nobody for each in used),
            unread=addresses.unread,
        )
    if plan.unread:
        yield _pool(plan.network, plan.directory, others, of_nobody, plan.unread, addresses.unread)


def _pool(
    network: str,
    directory: str,
    given: Collection[_Given],
    of_nobody: Collection[_Given],
    no_ranges: str,
    unread: str,
) -> AddressPool:
    """Whose ranges are not known, and of a disk that is dead nothing."""
    return AddressPool(
        network=network,
        directory=directory,
        ranges=(),
        used=0 if unread else len(given),
        leaked=0 if unread else sum(each in of_nobody for each in given),
        unread=unread or no_ranges,
    )
