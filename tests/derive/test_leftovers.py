"""agent.derive.leftovers."""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.leftovers import Candidate, LeftoverFold, Owners, candidates
from agent.model.namespaces import NamedNamespace, NamespaceReport
from agent.model.netlink import HostNetwork, NamespaceNetwork
from agent.model.network import EmptyPod, LeftoverKind
from agent.model.oom import Container
from tests.derive.network_making import HOST, OUTSIDE

S = 1_000_000_000
EMPTY, USED = 4026532777, 4026532170
NAME = "cni-153ecb51-1217-cfcd-d4a2-6f434bdc64c9"
SEEN = NamespaceReport(
    boottime_ns=1,
    wall_ns=1,
    named=(
        NamedNamespace(name=NAME, inode=EMPTY, created_wall_ns=5),
        NamedNamespace(name="cni-used", inode=USED),
        NamedNamespace(name="cni-torn", problem="no namespace is mounted on it"),
        NamedNamespace(name="router", inode=77),
        NamedNamespace(name="cni-host", inode=HOST.inode),
    ),
    populations={USED: 2},
)
NETWORKS = {
    EMPTY: NamespaceNetwork(inode=EMPTY, nsid=0, cookie=4151),
    USED: NamespaceNetwork(inode=USED, nsid=1),
}
NOBODY = Owners(by_netns={}, living=(), busy=())
OF_A1 = replace(NOBODY, by_netns={NAME: "a1"})


def names(
    owners: Owners = NOBODY,
    *,
    host: HostNetwork = HOST,
    networks: dict[int, NamespaceNetwork] = NETWORKS,
    taken: tuple[tuple[str, str], ...] = (),
) -> list[str]:
    return [each.name for each in candidates(SEEN, host, networks, taken, owners)]


def test_an_empty_namespace_and_its_veth() -> None:
    """One that a runtime has named and nobody lives in, and the veth that leads into it."""
    namespace, veth = candidates(SEEN, HOST, NETWORKS, (), OF_A1)
    assert (namespace.name, namespace.identity, namespace.owner) == (NAME, 4151, "a1")
    assert (veth.kind, veth.name, veth.owner) == (LeftoverKind.VETH, "veth7b", "a1")
    assert veth.detail == f"it leads into {NAME}"


def test_an_operator_s_namespace_is_none() -> None:
    """ "router" is nobody's business, unless the CNI has made a network in it."""
    assert names() == [NAME, "veth7b"]
    assert "router" in names(replace(NOBODY, by_netns={"router": "b2"}))


def test_what_a_call_works_on_is_none() -> None:
    """An ADD before its sandbox starts, a DEL after it has ended; or a sandbox that lives."""
    for owners in (
        replace(NOBODY, busy=(NAME,)),
        replace(OF_A1, busy=("a1",)),
        replace(OF_A1, living=("a1",)),
    ):
        assert not names(owners)


def test_a_veth_into_the_unknown() -> None:
    """Its namespace has neither process nor name; not told while some could not be read."""
    host = replace(HOST, links={26: replace(OUTSIDE, peer_nsid=9)})
    assert names(host=host) == [NAME, "veth7b"]
    torn = {**NETWORKS, 5: NamespaceNetwork(inode=5, unread="gone")}
    assert names(host=host, networks=torn) == [NAME]
    of_a_pod = replace(HOST, links={26: replace(OUTSIDE, peer_nsid=1)})
    assert names(host=of_a_pod) == [NAME]


def test_addresses() -> None:
    """Those of containers that live, that a call works on, or that nobody knows, are none."""
    owners = replace(NOBODY, living=("b2",), busy=("c3", NAME))
    taken = (("10.0.0.2", "a1"), ("10.0.0.3", "b2"), ("10.0.0.4", "c3"), ("10.0.0.5", ""))
    assert names(owners, host=replace(HOST, links={}), taken=taken) == ["10.0.0.2"]


def test_cgroups() -> None:
    """Of pods; not while a call makes a network for the pod, and not if the runtime knows it."""
    pod = Container(namespace="shop", pod="web-0", pod_uid="1e6c")
    empty = EmptyPod(pod=pod, path="/kubepods/pod1e6c", inode=7)
    (found,) = candidates(SEEN, replace(HOST, links={}), {}, (), NOBODY, (empty,))[1:]
    assert (found.kind, found.name, found.owner) == (LeftoverKind.CGROUP, empty.path, "1e6c")
    assert found.detail == "no process is in it; it was of pod shop/web-0"
    busy = replace(NOBODY, busy=("1e6c", NAME))
    assert not candidates(SEEN, replace(HOST, links={}), {}, (), busy, (empty,))
    fold = LeftoverFold(0)
    fold.observe((found,), 1)
    assert [each.inode for each in fold.judged(1, known=(), unplaced=1)] == [7]
    assert not fold.judged(1, known=("1e6c",), unplaced=0)


def candidate(**changes: object) -> Candidate:
    found = Candidate(kind=LeftoverKind.NAMESPACE, name=NAME, identity=1, owner="a1")
    return replace(found, **changes)


def test_the_grace() -> None:
    """Since the first look; anew after a break, and for another namespace of the same name."""
    fold = LeftoverFold(60 * S)
    fold.observe((candidate(),), 0)
    fold.observe((candidate(),), 60 * S)
    (told,) = fold.judged(61 * S, known=(), unplaced=0)
    assert told.since_boottime_ns == 0
    fold.observe((candidate(identity=2),), 62 * S)
    assert not fold.ripe(63 * S)
    fold.observe((), 64 * S)
    fold.observe((candidate(),), 65 * S)
    assert not fold.ripe(66 * S)


def test_what_the_runtime_knows_is_none() -> None:
    """It will clean it up. What has no owner may be a sandbox's whose namespace nobody knows."""
    fold = LeftoverFold(0)
    nameless = candidate(name="cni-x", owner="")
    fold.observe((candidate(), nameless), 1)
    assert [each.name for each in fold.judged(1, known=("a1",), unplaced=0)] == ["cni-x"]
    assert [each.name for each in fold.judged(1, known=(), unplaced=1)] == [NAME]
