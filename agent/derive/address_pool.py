"""Addresses of host-local against its ranges. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from agent.model.network import AddressPool, Leftover, LeftoverKind
from agent.parse.cni_plan import NetworkPlan


def pools_of(
    plan: NetworkPlan, addresses: Iterable[str], leftovers: Iterable[Leftover], *, unread: str = ""
) -> tuple[AddressPool, ...]:
    """What is used and free of each set of ranges, and what of the used belongs to nobody; or that
    it is not known.
    """
    taken = [ipaddress.ip_address(each) for each in addresses]
    of_nobody = {each.name for each in leftovers if each.kind is LeftoverKind.ADDRESS}
    pools = []
    for ranges in plan.sets:
        used = [each for each in taken if any(each in one for one in ranges)]
        pools.append(
            AddressPool(
                network=plan.network,
                directory=plan.directory,
                ranges=tuple(map(str, ranges)),
                total=sum(one.total for one in ranges),
                used=len(used),
                leaked=sum(str(each) in of_nobody for each in used),
                unread=unread,
            )
        )
    return tuple(pools)
