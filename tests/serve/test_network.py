"""agent.serve.network and agent.api.network."""

from __future__ import annotations

from msgspec.structs import replace

from agent.api.network import DATAPATH, HOLDING, LEFTOVER, STEP, STEP_STATE
from agent.api.v1 import network_pb2
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.namespaces import Holding
from agent.model.network import (
    AddressPool,
    Datapath,
    LeftoverKind,
    NetworkReport,
    PathStep,
    StepState,
)
from agent.model.source import SourceHealth, SourceState
from agent.serve import network
from agent.serve.messages import MESSAGE_BYTES
from tests.serve.network_sample import NAMESPACES, NET, NETWORK, WALL_NS, WEB_0, S, pod

RANGES = "10.88.0.1-10.88.0.254"


async def pods(report: NetworkReport = NETWORK, **filters: object) -> list[str]:
    request = pb.ListPodNetworksRequest(**filters)  # type: ignore[arg-type]
    return [each.pod.pod for each in (await network.networks(request, report)).network.pods]


async def test_networks() -> None:
    """Every field, those with a broken step first."""
    answer = await network.networks(pb.ListPodNetworksRequest(), NETWORK)
    assert await pods() == ["web-1", "proxy", "web-0"]
    assert not answer.truncated
    broken, host, whole = answer.network.pods
    assert broken.broken == network_pb2.PATH_STEP_ATTACHMENT
    assert [step.state for step in broken.steps].count(network_pb2.STEP_STATE_BROKEN) == 2
    assert not broken.HasField("tcp_retransmits")
    assert (host.datapath, len(host.steps)) == (network_pb2.DATAPATH_HOST, 0)
    assert whole.broken == network_pb2.PATH_STEP_UNSPECIFIED
    assert (whole.counters.rx_bytes, whole.tcp_retransmits, whole.cookie) == (1 << 30, 31, 4149)
    namespace, veth, address = answer.network.leftovers
    assert namespace.unused.ToSeconds() == 420
    assert namespace.created.ToNanoseconds() == WALL_NS - 7200 * S
    assert not veth.HasField("created")
    assert address.kind == network_pb2.LEFTOVER_KIND_ADDRESS
    (pool,) = answer.network.pools
    assert (pool.total, pool.used, pool.free, pool.leaked) == (253, 3, 250, 1)


async def test_filters() -> None:
    assert await pods(pod="web-0") == ["web-0"]
    assert await pods(pod="uid-of-web-0", namespace="shop") == ["web-0"]
    assert await pods(namespace="other") == []
    assert await pods(broken=True) == ["web-1"]


async def test_too_many() -> None:
    """What fits into a message is told, and that there is more."""
    many = replace(NETWORK, pods=(WEB_0,) * (MESSAGE_BYTES // 100))
    answer = await network.networks(pb.ListPodNetworksRequest(), many)
    assert answer.truncated
    assert 0 < len(answer.network.pods) < len(many.pods)


async def test_more_addresses_than_a_number_holds() -> None:
    pool = AddressPool(network="six", directory="/x", ranges=(), total=1 << 80, used=1)
    six = replace(NETWORK, pools=(pool,))
    (told,) = (await network.networks(pb.ListPodNetworksRequest(), six)).network.pools
    assert told.total == told.free == (1 << 64) - 1


async def test_namespaces() -> None:
    """Whose each namespace is; the pod of a name; sandboxes before the containers of their pod."""
    found = (await network.namespaces(pb.ListNamespacesRequest(), NETWORK)).namespaces
    who = [(c.container.pod, c.sandbox) for c in found.containers]
    assert who == [
        ("job-6", False),
        ("proxy", False),
        ("web-0", True),
        ("web-0", False),
        ("web-1", True),
    ]
    assert found.containers[0].unread_reason == "it has no process"
    main = {ns.kind: ns.holding for ns in found.containers[3].namespaces}
    assert main["net"] == network_pb2.NAMESPACE_HOLDING_POD
    assert main["mnt"] == network_pb2.NAMESPACE_HOLDING_OWN
    assert main["user"] == network_pb2.NAMESPACE_HOLDING_HOST
    assert [(n.pod.pod, n.processes) for n in found.named] == [("web-0", 2), ("", 0), ("", 0)]
    assert [s.comm for s in found.strangers] == ["chronyd"]
    assert found.strangers_cut == 2
    assert len(found.host) == 8


async def test_namespaces_of_a_pod() -> None:
    request = pb.ListNamespacesRequest(pod="web-0", namespace="shop")
    found = (await network.namespaces(request, NETWORK)).namespaces
    assert len(found.containers) == 2
    assert [each.inode for each in found.named] == [NET]
    assert not found.strangers


def test_holding_of_nobody() -> None:
    """What was not read is nobody's; a container without a pod shares with none."""
    (first, *_) = NAMESPACES.containers
    nameless = replace(first, container=replace(first.container, pod_uid=""))
    alone = replace(NAMESPACES, containers=(nameless, nameless))
    kind = next(iter(first.inodes))
    assert alone.holding(nameless, kind) is Holding.OWN
    assert alone.holding(replace(nameless, inodes={}), kind) is None


def test_metrics() -> None:
    """Every step and every kind has its zero."""
    assert dict(network.pods(NETWORK)) == {("bridge",): 1, ("unattached",): 1, ("host",): 1}
    broken = dict(network.broken(NETWORK))
    assert broken["attachment",] == 1
    assert sum(broken.values()) == 1
    assert set(broken) == {(step.value,) for step in PathStep}
    assert dict(network.leftovers(NETWORK)) == {
        ("namespace",): 1,
        ("veth",): 1,
        ("address",): 1,
        ("cgroup",): 0,
    }
    assert dict(network.addresses(NETWORK)) == {
        ("k8s", RANGES, "used"): 3,
        ("k8s", RANGES, "free"): 250,
        ("k8s", RANGES, "leaked"): 1,
    }
    assert dict(network.counted(NETWORK, "rx_dropped")) == {
        ("shop", "web-0"): 12,
        ("shop", "web-1"): 0,
    }
    assert dict(network.retransmits(NETWORK)) == {("shop", "web-0"): 31}


def test_why_there_is_nothing() -> None:
    """Not yet, or not to be had."""
    waits = SourceHealth(
        name="namespaces", tells="", required=False, state=SourceState.ABSENT, since_wall_ns=1
    )
    denied = replace(waits, state=SourceState.DOWN, detail="/proc/1/ns/mnt: Permission denied")
    assert network.why_unread([waits]) is None
    assert network.why_unread([replace(denied, name="kmsg")]) is None
    told = network.why_unread([waits, denied])
    assert told == ("the namespaces of processes cannot be read: /proc/1/ns/mnt: Permission denied")


def test_a_name_that_two_pods_have() -> None:
    """One series: a page with two of a kind is refused as a whole."""
    twice = replace(NETWORK, pods=(replace(WEB_0, retransmits=7), WEB_0))
    assert list(network.retransmits(twice)) == [(("shop", "web-0"), 31)]


def test_nothing_known() -> None:
    for family in (network.pods, network.broken, network.leftovers, network.addresses):
        assert not dict(family(None))
    nameless = replace(NETWORK, pods=(replace(WEB_0, pod=replace(pod("x"), pod="")),))
    assert not dict(network.retransmits(nameless))


def test_tables_are_complete() -> None:
    """Each member of an enum has a number of its own."""
    assert set(DATAPATH.pairs) == set(Datapath)
    assert set(HOLDING.pairs) == set(Holding)
    assert set(STEP.pairs) == set(PathStep)
    assert set(STEP_STATE.pairs) == set(StepState)
    assert set(LEFTOVER.pairs) == set(LeftoverKind)
