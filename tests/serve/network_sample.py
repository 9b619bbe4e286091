"""A made-up node: a healthy pod, one off its bridge, one of the host's network, and leftovers."""

from __future__ import annotations

from agent.model.namespaces import (
    ContainerNamespaces,
    NamedNamespace,
    NamespaceKind,
    NamespaceReport,
    Stranger,
)
from agent.model.netlink import LinkCounters
from agent.model.network import (
    AddressPool,
    Datapath,
    Leftover,
    LeftoverKind,
    NetworkReport,
    PathStep,
    PodNetwork,
    Step,
    StepState,
)
from agent.model.oom import Container

S = 1_000_000_000
NOW_NS = 11_000 * S
WALL_NS = 1_790_000_600 * S
KINDS = tuple(NamespaceKind)
HOST = {kind: 4026531832 + rank for rank, kind in enumerate(KINDS)}
OK, UNUSED, BROKEN = StepState.OK, StepState.UNUSED, StepState.BROKEN


def pod(name: str, container: str = "", identity: str = "") -> Container:
    """A pod of the namespace shop, or a container of it."""
    return Container(
        namespace="shop",
        pod=name,
        pod_uid=f"uid-of-{name}",
        name=container,
        id=identity,
        names_from="cri",
    )


def inodes(base: int, **others: int) -> dict[NamespaceKind, int]:
    """The host's user and time namespaces; the rest from `base` on, unless given."""
    found = {}
    for rank, kind in enumerate(KINDS):
        own = kind not in (NamespaceKind.USER, NamespaceKind.TIME)
        found[kind] = others.get(kind.value, base + rank if own else HOST[kind])
    return found


SANDBOX = inodes(4026532170)
IPC, NET, UTS = (SANDBOX[k] for k in (NamespaceKind.IPC, NamespaceKind.NET, NamespaceKind.UTS))
MAIN = inodes(4026532190, ipc=IPC, net=NET, uts=UTS)
LOOSE = inodes(4026532210)

NAMESPACES = NamespaceReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    host=HOST,
    containers=(
        ContainerNamespaces(
            container=pod("web-0", "POD", "a1" * 32), sandbox=True, pid=713, inodes=SANDBOX
        ),
        ContainerNamespaces(container=pod("web-0", "main", "b2" * 32), pid=781, inodes=MAIN),
        ContainerNamespaces(
            container=pod("web-1", "POD", "c3" * 32), sandbox=True, pid=902, inodes=LOOSE
        ),
        ContainerNamespaces(
            container=pod("proxy", "main", "d4" * 32),
            pid=640,
            inodes={**inodes(4026532230), **{k: HOST[k] for k in (NamespaceKind.NET,)}},
        ),
        ContainerNamespaces(container=pod("job-6", "main", "e5" * 32), unread="it has no process"),
    ),
    named=(
        NamedNamespace(name="cni-20a26202", inode=NET, created_wall_ns=WALL_NS - 3600 * S),
        NamedNamespace(name="cni-dead0000", inode=4026532777, created_wall_ns=WALL_NS - 7200 * S),
        NamedNamespace(name="cni-gone0000", problem="no namespace is mounted on it"),
    ),
    strangers=(
        Stranger(
            pid=412,
            comm="chronyd",
            cgroup="/system.slice/chrony.service",
            inodes={NamespaceKind.MNT: 4026532555},
        ),
    ),
    strangers_cut=2,
    populations={NET: 2, HOST[NamespaceKind.NET]: 120},
    members={NET: 713, HOST[NamespaceKind.NET]: 1},
)

WEB_0 = PodNetwork(
    pod=pod("web-0"),
    datapath=Datapath.BRIDGE,
    steps=(
        Step(step=PathStep.NAMESPACE, state=OK, detail=f"net:[{NET}] cni-20a26202, of pid 713"),
        Step(
            step=PathStep.LINK,
            state=OK,
            detail="eth0 (ifindex 2) and veth7b1e451b (ifindex 26), both up with carrier, mtu "
            "1500, nsid 0",
        ),
        Step(
            step=PathStep.ATTACHMENT, state=OK, detail="veth7b1e451b is a port of cni0, forwarding"
        ),
        Step(step=PathStep.ADDRESS, state=OK, detail="10.88.0.21/16 on eth0"),
        Step(
            step=PathStep.ROUTES,
            state=OK,
            detail="default via 10.88.0.1 at 5a:8c:50:98:32:4d, REACHABLE",
        ),
        Step(
            step=PathStep.NAT,
            state=UNUSED,
            detail="the CNI configuration (bridge) asks for no masquerading",
        ),
    ),
    pid=713,
    inode=NET,
    cookie=4149,
    name="cni-20a26202",
    interface="eth0",
    host_interface="veth7b1e451b",
    attached_to="cni0",
    addresses=("10.88.0.21/16",),
    gateway="10.88.0.1",
    mtu=1500,
    counters=LinkCounters(
        rx_bytes=1 << 30,
        tx_bytes=300 << 20,
        rx_packets=1_200_345,
        tx_packets=400_123,
        rx_dropped=12,
    ),
    retransmits=31,
)
WEB_1 = PodNetwork(
    pod=pod("web-1"),
    datapath=Datapath.UNATTACHED,
    steps=(
        Step(
            step=PathStep.NAMESPACE,
            state=OK,
            detail=f"net:[{LOOSE[NamespaceKind.NET]}], of pid 902",
        ),
        Step(
            step=PathStep.LINK,
            state=OK,
            detail="eth0 (ifindex 2) and veth9dda1300 (ifindex 27), both up with carrier, mtu "
            "1500, nsid 1",
        ),
        Step(
            step=PathStep.ATTACHMENT,
            state=BROKEN,
            detail="veth9dda1300 is a port of no bridge, and has neither a route to 10.88.0.22 nor "
            "BPF; its configuration wants cni0",
        ),
        Step(step=PathStep.ADDRESS, state=OK, detail="10.88.0.22/16 on eth0"),
        Step(
            step=PathStep.ROUTES,
            state=BROKEN,
            detail="default via 10.88.0.1, which does not answer: its neighbour entry is "
            "INCOMPLETE",
        ),
        Step(
            step=PathStep.NAT,
            state=UNUSED,
            detail="the CNI configuration (bridge) asks for no masquerading",
        ),
    ),
    pid=902,
    inode=LOOSE[NamespaceKind.NET],
    broken_looks=3,
    interface="eth0",
    host_interface="veth9dda1300",
    addresses=("10.88.0.22/16",),
    gateway="10.88.0.1",
    mtu=1500,
    counters=LinkCounters(rx_bytes=1266, tx_bytes=4 << 20, rx_packets=17, tx_packets=9_120),
)
PROXY = PodNetwork(pod=pod("proxy"), datapath=Datapath.HOST, pid=640, inode=HOST[NamespaceKind.NET])

NETWORK = NetworkReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    namespaces=NAMESPACES,
    pods=(WEB_0, WEB_1, PROXY),
    leftovers=(
        Leftover(
            kind=LeftoverKind.NAMESPACE,
            name="cni-dead0000",
            since_boottime_ns=NOW_NS - 420 * S,
            created_wall_ns=WALL_NS - 7200 * S,
            inode=4026532777,
            detail="no process is in it",
            owner="4f" * 32,
        ),
        Leftover(
            kind=LeftoverKind.VETH,
            name="veth7dfbbcea",
            since_boottime_ns=NOW_NS - 420 * S,
            inode=4026532777,
            detail="it leads into cni-dead0000",
            owner="4f" * 32,
        ),
        Leftover(
            kind=LeftoverKind.ADDRESS,
            name="10.88.0.20",
            since_boottime_ns=NOW_NS - 420 * S,
            owner="4f" * 32,
        ),
    ),
    judged_leftovers=True,
    pools=(
        AddressPool(
            network="k8s",
            directory="/var/lib/cni/networks/k8s",
            ranges=("10.88.0.1-10.88.0.254",),
            total=253,
            used=3,
            leaked=1,
        ),
    ),
)
