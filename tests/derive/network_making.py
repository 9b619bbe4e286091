"""A pod on a bridge as netlink shows it, whole; tests take something away."""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.pod_network import judge_pod
from agent.model.netlink import (
    HostNetwork,
    InterfaceAddress,
    Link,
    NamespaceNetwork,
    NatRule,
    NatTable,
    Neighbour,
    NeighbourState,
    PortState,
    Route,
    SourceMatch,
)
from agent.model.network import Asked, Datapath, PathStep, PodNetwork
from agent.model.oom import Container

POD = PodNetwork(
    pod=Container(namespace="shop", pod="web-0", pod_uid="u"),
    datapath=Datapath.UNKNOWN,
    pid=713,
    inode=4026532177,
    name="cni-20a2",
)
BRIDGE = Link(index=3, name="cni0", up=True, mtu=1500, kind="bridge", carrier=True)
OUTSIDE = Link(
    index=26,
    name="veth7b",
    up=True,
    mtu=1500,
    kind="veth",
    carrier=True,
    peer_index=2,
    peer_nsid=0,
    master=3,
    port_kind="bridge",
    port_state=PortState.FORWARDING,
)
LO = Link(index=1, name="lo", up=True, loopback=True)
INSIDE = Link(
    index=2,
    name="eth0",
    up=True,
    mtu=1500,
    kind="veth",
    carrier=True,
    peer_index=26,
    peer_nsid=5,
)
ADDRESS = InterfaceAddress(index=2, address="10.88.0.5", prefix=16, scope=0)
DEFAULT = Route(
    version=4,
    destination="",
    prefix=0,
    table=254,
    kind=1,
    scope=0,
    interface=2,
    gateway="10.88.0.1",
)
ON_LINK = replace(DEFAULT, destination="10.88.0.0", prefix=16, scope=253, gateway="")
NEIGHBOUR = Neighbour(
    interface=2, address="10.88.0.1", state=NeighbourState.REACHABLE, mac="5a:8c:50:98:32:4d"
)
NETWORK = NamespaceNetwork(
    inode=4026532177,
    cookie=4149,
    nsid=0,
    host_nsid=5,
    links=(LO, INSIDE),
    addresses=(ADDRESS,),
    routes=(DEFAULT, ON_LINK),
    neighbours=(NEIGHBOUR,),
    retransmits=31,
)
HOST = HostNetwork(
    inode=4026531833,
    links={3: BRIDGE, 26: OUTSIDE},
    addresses=frozenset({"10.88.0.1"}),
    forwarding={4: True, 6: False},
)
ROOT = (2, b"nat", b"POSTROUTING")
CHAIN = (2, b"nat", b"CNI-7f31")
NAT = NatTable(
    roots=(ROOT,),
    chains={
        ROOT: (NatRule(sources=(SourceMatch(network="10.88.0.5/32"),), target="CNI-7f31"),),
        CHAIN: (NatRule(opaque=True), NatRule(opaque=True, masquerades=True)),
    },
)
ASKED = Asked(masquerade=True, bridge="cni0")


def judged(
    network: NamespaceNetwork = NETWORK,
    host: HostNetwork = HOST,
    nat: NatTable | None = NAT,
    asked: Asked = ASKED,
) -> PodNetwork:
    return judge_pod(POD, network, host, nat, asked)


def with_inside(**changes: object) -> NamespaceNetwork:
    """The pod's end is otherwise."""
    return replace(NETWORK, links=(LO, replace(INSIDE, **changes)))


def with_outside(**changes: object) -> HostNetwork:
    """The host's end is otherwise."""
    outside = replace(OUTSIDE, **changes)
    return replace(HOST, links={3: BRIDGE, 26: outside})


def words(pod: PodNetwork, step: PathStep) -> str:
    """ "ok: eth0 ..." of one step."""
    (found,) = [each for each in pod.steps if each.step is step]
    return f"{found.state.value}: {found.detail}"
