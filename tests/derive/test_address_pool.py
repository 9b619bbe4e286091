"""agent.derive.address_pool: what host-local has given, of what, and whose directories count."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from agent.derive.address_pool import NO_RANGES, Addresses, pools_of
from agent.model.network import Leftover, LeftoverKind
from agent.parse.cni_plan import DATA_DIRECTORY, parse_plan

K8S, FORMER, PODMAN = (f"{DATA_DIRECTORY}/{name}" for name in ("k8s", "former", "podman"))
GIVEN = {
    K8S: (("10.0.0.2", "a1"), ("10.0.0.3", "dead"), ("10.9.9.9", "a2")),
    FORMER: (("10.7.0.2", "dead"),),
    PODMAN: (),
}
LIVING = frozenset({"a1", "a2"})
LEFT = Leftover(kind=LeftoverKind.ADDRESS, name="10.0.0.3", owner="dead", since_boottime_ns=0)


def addresses(*subnets: str, ipam: str = "host-local") -> Addresses:
    ranges = [[{"subnet": each}] for each in subnets]
    config = {"name": "k8s", "type": "ptp", "ipam": {"type": ipam, "ranges": ranges}}
    return Addresses(plan=parse_plan(json.dumps(config).encode()), given=GIVEN)


def test_pools() -> None:
    """What is used and free of each set, and what of that belongs to nobody; of a directory that
    the configuration does not name, what is in it.
    """
    pool, six, former = pools_of(addresses("10.0.0.0/29", "fd00::/64"), (LEFT,))
    assert (pool.total, pool.used, pool.free, pool.leaked) == (5, 2, 3, 1)
    assert pool.ranges == ("10.0.0.1-10.0.0.6",)
    assert (six.used, six.total) == (0, (1 << 64) - 2)
    assert (former.network, former.used, former.unread) == ("former", 1, NO_RANGES)


def test_a_range_that_is_not_known() -> None:
    """As where Calico fills in the node's podCIDR: what is given is counted apart from the rest."""
    found = addresses("10.0.0.0/29", "usePodCidr")
    pool, other, _ = pools_of(found, (LEFT,))
    assert (pool.used, pool.leaked, pool.unread) == (2, 1, "")
    assert (other.used, other.leaked, other.ranges) == (1, 0, ())
    assert "podCIDR" in other.unread
    assert found.unknown(LIVING).startswith("network k8s: ")


def test_a_disk_that_is_dead() -> None:
    found = replace(addresses("10.0.0.0/29", "usePodCidr"), unread="a dead disk")
    assert {pool.unread for pool in pools_of(found)} == {"a dead disk"}
    assert [pool.used for pool in pools_of(found) if not pool.ranges] == [0, 0]
    assert found.unknown(LIVING) == "a dead disk"


def test_nothing_loaded() -> None:
    """Then no pod gets an address, which others say; one that cannot be read is another matter, and
    so is one of which living pods have addresses.
    """
    found = Addresses(plan=None, given=GIVEN)
    assert found.unknown(frozenset()) == ""
    assert found.unknown(LIVING) == f"{K8S}: {NO_RANGES}"
    assert replace(found, without="no").unknown(LIVING) == "no"
    assert [pool.used for pool in pools_of(found)] == [3, 1]
    assert pools_of(Addresses(plan=None)) == ()
    assert found.of_pods(LIVING) == {K8S}


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        (GIVEN, ""),
        ({**GIVEN, PODMAN: (("10.7.0.9", "a1"),)}, f"{PODMAN}: {NO_RANGES}"),
    ],
)
def test_other_directories(given: Mapping[str, tuple[tuple[str, str], ...]], unknown: str) -> None:
    """One counts while a container of a pod has an address of it, as behind Multus; what a former
    network has left and what podman gives do not.
    """
    found = replace(addresses("10.0.0.0/29"), given=given)
    assert found.unknown(LIVING) == unknown
    assert (PODMAN in found.of_pods(LIVING)) is bool(unknown)
    assert FORMER not in found.of_pods(LIVING)


def test_another_ipam() -> None:
    """Nobody here sees what it gives."""
    found = addresses("10.0.0.0/29", ipam="calico-ipam")
    assert "without host-local" in found.unknown(frozenset())
    assert found.of_pods(frozenset()) == frozenset()
