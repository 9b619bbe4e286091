"""agent.derive.pod_network and the steps: what is broken, and what only looks so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.model.netlink import (
    HostNetwork,
    Link,
    NamespaceNetwork,
    NatTable,
    NeighbourState,
    PortState,
)
from agent.model.network import Asked, Datapath, PathStep, StepState
from tests.derive.network_making import (
    ADDRESS,
    ASKED,
    BRIDGE,
    DEFAULT,
    HOST,
    INSIDE,
    LO,
    NAT,
    NEIGHBOUR,
    NETWORK,
    ON_LINK,
    OUTSIDE,
    judged,
    with_inside,
    with_outside,
    words,
)

LINK, ATTACHMENT, ADDRESSES = PathStep.LINK, PathStep.ATTACHMENT, PathStep.ADDRESS
ROUTES, NATS = PathStep.ROUTES, PathStep.NAT


def test_whole() -> None:
    """All six steps are proven, with what they rest on."""
    pod = judged()
    assert [step.step for step in pod.steps] == list(PathStep)
    assert {step.state for step in pod.steps} == {StepState.OK}
    assert pod.broken is None
    assert pod.unknown is None
    assert pod.datapath is Datapath.BRIDGE
    assert (pod.interface, pod.host_interface, pod.attached_to) == ("eth0", "veth7b", "cni0")
    assert (pod.addresses, pod.gateway, pod.mtu) == (("10.88.0.5/16",), "10.88.0.1", 1500)
    assert (pod.cookie, pod.retransmits) == (4149, 31)
    assert words(pod, LINK) == (
        "ok: eth0 (ifindex 2) and veth7b (ifindex 26), both up with carrier, mtu 1500, nsid 0"
    )
    assert words(pod, ROUTES).endswith("via 10.88.0.1 at 5a:8c:50:98:32:4d, REACHABLE")


@pytest.mark.parametrize(
    ("network", "host", "step", "told"),
    [
        (replace(NETWORK, links=(LO,)), HOST, LINK, "no interface but lo"),
        (with_inside(up=False), HOST, LINK, "eth0 in the pod is switched off"),
        (NETWORK, with_outside(up=False), LINK, "veth7b, the host's end of eth0, is switched"),
        (with_inside(carrier=False), HOST, LINK, "eth0 has no carrier"),
        (with_inside(mtu=9000), HOST, LINK, "9000 in the pod, 1500 on the host"),
        (with_inside(peer_nsid=None), HOST, LINK, "(ifindex 26) has never left the pod"),
        (NETWORK, with_outside(master=0), ATTACHMENT, "veth7b is a port of no bridge"),
        (NETWORK, with_outside(port_state=PortState.BLOCKING), ATTACHMENT, "state is blocking"),
        (
            NETWORK,
            replace(HOST, links={3: replace(BRIDGE, up=False), 26: OUTSIDE}),
            ATTACHMENT,
            "a port of cni0, which is switched off",
        ),
        (replace(NETWORK, addresses=()), HOST, ADDRESSES, "eth0 has no address"),
        (
            replace(NETWORK, addresses=(replace(ADDRESS, duplicate=True),)),
            HOST,
            ADDRESSES,
            "10.88.0.5 is another host's too",
        ),
        (
            replace(NETWORK, addresses=(replace(ADDRESS, scope=253),)),
            HOST,
            ADDRESSES,
            "eth0 has no address",
        ),
        (replace(NETWORK, routes=(ON_LINK,)), HOST, ROUTES, "no default route for IPv4"),
        (replace(NETWORK, routes=(DEFAULT,)), HOST, ROUTES, "there is no route on the link"),
        (
            replace(
                NETWORK,
                neighbours=(
                    replace(NEIGHBOUR, state=NeighbourState.FAILED, unused_seconds=1.0, mac=""),
                ),
            ),
            HOST,
            ROUTES,
            "its neighbour entry is FAILED",
        ),
        (NETWORK, replace(HOST, forwarding={4: False}), NATS, "net.ipv4.ip_forward is 0"),
    ],
)
def test_broken(network: NamespaceNetwork, host: HostNetwork, step: PathStep, told: str) -> None:
    """Each fault is the first broken step, in words that name it."""
    pod = judged(network, host)
    assert pod.broken is not None, pod
    assert pod.broken.step is step
    assert told in pod.broken.detail


def test_nothing_after_no_interface() -> None:
    """What stands on a missing interface is not judged."""
    pod = judged(replace(NETWORK, links=(LO,)))
    assert [step.state for step in pod.steps[2:]] == [StepState.UNREACHED] * 4
    assert pod.datapath is Datapath.NONE


def test_both_ends_in_the_pod() -> None:
    """A pair whose other end never left the pod; one that went to a third namespace."""
    pod = judged(replace(with_inside(peer_nsid=None), host_nsid=None))
    assert words(pod, LINK).startswith("broken: the other end of eth0 (ifindex 26) has never")
    pod = judged(with_inside(peer_nsid=9))
    assert words(pod, LINK).startswith("unknown: the other end of eth0 (ifindex 26) is in a third")
    assert words(pod, ATTACHMENT).startswith("unreached")


def test_an_end_that_is_not_proven() -> None:
    """The host's interface of that index leads elsewhere: it was reused, or had not come yet."""
    for host in (with_outside(peer_index=9), with_outside(peer_nsid=1), replace(HOST, links={})):
        pod = judged(NETWORK, host)
        assert pod.broken is None
        assert words(pod, LINK).startswith("unknown")


def test_unread() -> None:
    """Nothing is claimed of what could not be read."""
    pod = judged(NamespaceNetwork(inode=7, unread="setns: Operation not permitted"))
    assert {step.state for step in pod.steps} == {StepState.UNKNOWN}
    assert pod.unknown is not None
    assert "not permitted" in pod.unknown.detail


def test_routed() -> None:
    """ptp and Calico: a host route to the pod stands for the bridge."""
    network = replace(NETWORK, host_routes={"10.88.0.5": 26})
    pod = judged(network, with_outside(master=0))
    assert pod.datapath is Datapath.ROUTED
    assert words(pod, ATTACHMENT) == "ok: the host sends 10.88.0.5 to veth7b"
    elsewhere = replace(NETWORK, host_routes={"10.88.0.5": 3})
    assert judged(elsewhere, with_outside(master=0)).datapath is Datapath.UNATTACHED


def test_calico_gateway() -> None:
    """169.254.1.1 is reached by a route of its own on the link."""
    way = replace(ON_LINK, destination="169.254.1.1", prefix=32)
    network = replace(NETWORK, routes=(replace(DEFAULT, gateway="169.254.1.1"), way), neighbours=())
    assert words(judged(network), ROUTES).startswith("ok: default via 169.254.1.1, which nobody")


def test_a_host_that_is_no_gateway_any_more() -> None:
    """Somebody has taken the bridge's address away: nobody has asked for it yet, and it is gone."""
    asked = replace(ASKED, gateway=True)
    assert judged(asked=asked).broken is None
    pod = judged(NETWORK, replace(HOST, addresses=frozenset()), asked=asked)
    assert words(pod, ROUTES) == (
        "broken: default via 10.88.0.1, which no interface of the host has"
    )
    assert judged(NETWORK, replace(HOST, addresses=frozenset())).broken is None


def test_bpf() -> None:
    """Cilium: a program on the host's end, however attached; a netkit is made for it."""
    filtered = replace(NETWORK, host_filters=frozenset({26}))
    assert judged(filtered, with_outside(master=0)).datapath is Datapath.BPF
    assert judged(NETWORK, with_outside(master=0, xdp=True)).datapath is Datapath.BPF
    unasked = replace(NETWORK, host_unasked=frozenset({26}))
    assert words(judged(unasked, with_outside(master=0)), ATTACHMENT).startswith("unknown: veth7b")
    netkit = with_outside(master=0, kind="netkit")
    pod = judged(with_inside(kind="netkit"), netkit)
    assert (pod.datapath, pod.broken) == (Datapath.BPF, None)


@pytest.mark.parametrize(
    ("kind", "datapath"), [("ipvlan", Datapath.IPVLAN), ("macvlan", Datapath.MACVLAN)]
)
def test_on_a_parent(kind: str, datapath: Datapath) -> None:
    """Both send through an interface of the host, which must be up."""
    parent = Link(index=4, name="ens5", up=True, carrier=True)
    host = replace(HOST, links={4: parent})
    pod = judged(with_inside(kind=kind, peer_index=4), host)
    assert (pod.datapath, pod.attached_to, pod.broken) == (datapath, "ens5", None)
    down = replace(HOST, links={4: replace(parent, carrier=False)})
    broken = judged(with_inside(kind=kind, peer_index=4), down).broken
    assert broken is not None
    assert broken.detail == "eth0 is on ens5, which has no carrier"
    assert words(judged(with_inside(kind=kind), replace(HOST, links={})), ATTACHMENT).startswith(
        "unknown"
    )


def test_device() -> None:
    """A device of its own needs no attachment."""
    pod = judged(with_inside(kind="", peer_index=0, peer_nsid=None))
    assert (pod.datapath, pod.broken) == (Datapath.DEVICE, None)
    assert words(pod, ATTACHMENT).startswith("unused")


def test_old_failure_of_a_neighbour() -> None:
    """The kernel keeps a failure until somebody asks again: old ones prove nothing."""
    old = replace(NEIGHBOUR, state=NeighbourState.FAILED, unused_seconds=600.0)
    assert words(judged(replace(NETWORK, neighbours=(old,))), ROUTES).startswith("unknown")


def test_ipv6_only() -> None:
    address = replace(ADDRESS, address="fd00::5", prefix=64)
    default = replace(DEFAULT, version=6, gateway="fe80::1")
    network = replace(NETWORK, addresses=(address,), routes=(default,), neighbours=())
    pod = judged(network, asked=Asked(masquerade=False))
    assert pod.broken is None
    host = replace(HOST, addresses=frozenset({"fe80::1"}))
    broken = judged(network, host, asked=Asked(masquerade=False)).broken
    assert broken is not None
    assert "net.ipv6.conf.all.forwarding is 0" in broken.detail


@pytest.mark.parametrize(
    ("nat", "asked", "told"),
    [
        (NAT, ASKED, "ok: nftables masquerades 10.88.0.5"),
        (NatTable(), ASKED, "broken: ipMasq is asked for, and no rule"),
        (NatTable(unread="legacy"), ASKED, "unknown: no rule masquerades 10.88.0.5 as far"),
        (replace(NAT, unread="legacy"), ASKED, "ok: nftables masquerades 10.88.0.5"),
        (replace(NAT, outdated="read 9 s ago, and"), ASKED, "unknown: read 9 s ago, and"),
        (NatTable(outdated="read 9 s ago, and"), ASKED, "unknown: read 9 s ago, and"),
        (None, ASKED, "unknown: the rules of nftables could not be read"),
        (None, Asked(), "unknown: the CNI configuration that would ask"),
        (None, Asked(masquerade=False), "unused: the CNI configuration asks for no"),
        (
            None,
            Asked(masquerade=False, plugin="calico"),
            "unused: the CNI configuration (calico) asks for no",
        ),
    ],
)
def test_nat(nat: NatTable | None, asked: Asked, told: str) -> None:
    assert words(judged(nat=nat, asked=asked), NATS).startswith(told)


def test_another_address() -> None:
    """The runtime tells everybody the one that the CNI gave: nobody will reach the pod."""
    asked = replace(ASKED, addresses=("10.88.0.5", "fd00::5"))
    assert judged(asked=asked).broken is None
    moved = replace(NETWORK, addresses=(replace(ADDRESS, address="10.88.0.9"),))
    assert words(judged(moved, asked=asked), ADDRESSES) == (
        "broken: 10.88.0.9/16 on eth0, and the CNI gave it 10.88.0.5, fd00::5"
    )
    gone = words(judged(replace(NETWORK, addresses=()), asked=asked), ADDRESSES)
    assert gone == "broken: eth0 has no address; the CNI gave it 10.88.0.5, fd00::5"


def test_other_interfaces() -> None:
    """eth0 is meant, else the first; a tunl0 that nobody has switched on is no interface."""
    fallback = Link(index=5, name="tunl0", up=False, kind="ipip")
    net1 = replace(INSIDE, index=7, name="net1")
    assert judged(replace(NETWORK, links=(LO, net1, fallback, INSIDE))).interface == "eth0"
    assert judged(replace(NETWORK, links=(LO, net1))).interface == "net1"
    assert judged(replace(NETWORK, links=(LO, fallback))).datapath is Datapath.NONE


def test_other_masters() -> None:
    """Open vSwitch has no port states that netlink tells."""
    ovs = replace(BRIDGE, name="ovs-system", kind="openvswitch")
    outside = replace(OUTSIDE, port_kind="openvswitch", port_state=None)
    pod = judged(NETWORK, replace(HOST, links={3: ovs, 26: outside}))
    assert words(pod, ATTACHMENT) == "ok: veth7b is a port of ovs-system (openvswitch)"
    assert judged(NETWORK, replace(HOST, links={26: OUTSIDE})).unknown is not None
    assert judged(NETWORK, with_outside(port_state=None)).unknown is not None
