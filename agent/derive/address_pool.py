"""Addresses of host-local against its ranges. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from agent.model.network import AddressPool, Leftover, LeftoverKind
from agent.parse.cni_plan import NetworkPlan


def pool_of(
    plan: NetworkPlan, addresses: Iterable[str], leftovers: Iterable[Leftover]
) -> AddressPool:
    """What is used and free of the ranges of a plan, and what of the used belongs to nobody."""
    taken = [ipaddress.ip_address(each) for each in addresses]
    used = [each for each in taken if any(each in r for r in plan.ranges)]
    of_nobody = {each.name for each in leftovers if each.kind is LeftoverKind.ADDRESS}
    return AddressPool(
        network=plan.network,
        directory=plan.directory,
        ranges=tuple(map(str, plan.ranges)),
        total=sum(each.total for each in plan.ranges),
        used=len(used),
        leaked=sum(str(each) in of_nobody for each in used),
    )
