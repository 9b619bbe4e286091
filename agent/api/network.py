"""Namespaces and pod networks on the wire: agent.model.network and network.proto."""

from __future__ import annotations

from collections.abc import Iterable

from agent.api.oom import container_to_wire
from agent.api.v1 import network_pb2 as pb
from agent.api.wire import EnumTable, duration_ns, text, timestamp
from agent.model.namespaces import (
    ContainerNamespaces,
    Holding,
    Inodes,
    NamedNamespace,
    NamespaceReport,
    Stranger,
)
from agent.model.network import (
    AddressPool,
    Datapath,
    Leftover,
    LeftoverKind,
    NetworkReport,
    PathStep,
    PodNetwork,
    StepState,
)

HOLDING = EnumTable(
    {
        Holding.HOST: pb.NAMESPACE_HOLDING_HOST,
        Holding.POD: pb.NAMESPACE_HOLDING_POD,
        Holding.OWN: pb.NAMESPACE_HOLDING_OWN,
    },
    foreign=None,
)
DATAPATH = EnumTable(
    {
        Datapath.UNKNOWN: pb.DATAPATH_UNSPECIFIED,
        Datapath.HOST: pb.DATAPATH_HOST,
        Datapath.NONE: pb.DATAPATH_NONE,
        Datapath.BRIDGE: pb.DATAPATH_BRIDGE,
        Datapath.ROUTED: pb.DATAPATH_ROUTED,
        Datapath.BPF: pb.DATAPATH_BPF,
        Datapath.UNATTACHED: pb.DATAPATH_UNATTACHED,
        Datapath.IPVLAN: pb.DATAPATH_IPVLAN,
        Datapath.MACVLAN: pb.DATAPATH_MACVLAN,
        Datapath.DEVICE: pb.DATAPATH_DEVICE,
    },
    foreign=Datapath.UNKNOWN,
)
STEP = EnumTable(
    {
        PathStep.NAMESPACE: pb.PATH_STEP_NAMESPACE,
        PathStep.LINK: pb.PATH_STEP_LINK,
        PathStep.ATTACHMENT: pb.PATH_STEP_ATTACHMENT,
        PathStep.ADDRESS: pb.PATH_STEP_ADDRESS,
        PathStep.ROUTES: pb.PATH_STEP_ROUTES,
        PathStep.NAT: pb.PATH_STEP_NAT,
    },
    foreign=None,
)
STEP_STATE = EnumTable(
    {
        StepState.OK: pb.STEP_STATE_OK,
        StepState.BROKEN: pb.STEP_STATE_BROKEN,
        StepState.UNKNOWN: pb.STEP_STATE_UNKNOWN,
        StepState.UNREACHED: pb.STEP_STATE_UNREACHED,
        StepState.UNUSED: pb.STEP_STATE_UNUSED,
    },
    foreign=None,
)
LEFTOVER = EnumTable(
    {
        LeftoverKind.NAMESPACE: pb.LEFTOVER_KIND_NAMESPACE,
        LeftoverKind.VETH: pb.LEFTOVER_KIND_VETH,
        LeftoverKind.ADDRESS: pb.LEFTOVER_KIND_ADDRESS,
        LeftoverKind.CGROUP: pb.LEFTOVER_KIND_CGROUP,
    },
    foreign=None,
)
UINT64_MAX = (1 << 64) - 1


def namespaces_to_wire(
    report: NamespaceReport,
    containers: Iterable[pb.ContainerNamespaces],
    named: Iterable[pb.NamedNamespace],
    strangers: Iterable[pb.Stranger],
) -> pb.NamespaceReport:
    """A message of the caller's own, with these of its parts."""
    return pb.NamespaceReport(
        at=timestamp(report.wall_ns),
        host=[pb.Namespace(kind=kind.value, inode=inode) for kind, inode in report.host.items()],
        containers=containers,
        named=named,
        strangers=strangers,
        strangers_cut=report.strangers_cut,
    )


def container_namespaces_to_wire(
    found: ContainerNamespaces, report: NamespaceReport
) -> pb.ContainerNamespaces:
    """A container of this report."""
    wire = []
    for kind, inode in found.inodes.items():
        holding = report.holding(found, kind)
        of = pb.NAMESPACE_HOLDING_UNSPECIFIED if holding is None else HOLDING.to_wire(holding)
        wire.append(pb.Namespace(kind=kind.value, inode=inode, holding=of))
    return pb.ContainerNamespaces(
        container=container_to_wire(found.container),
        sandbox=found.sandbox,
        pid=found.pid,
        namespaces=wire,
        unread_reason=text(found.unread),
    )


def named_to_wire(
    found: NamedNamespace, report: NamespaceReport, owner: PodNetwork | None
) -> pb.NamedNamespace:
    """A name of this report."""
    created = found.created_wall_ns
    return pb.NamedNamespace(
        name=text(found.name),
        inode=found.inode,
        created=timestamp(created) if created else None,
        processes=report.populations.get(found.inode, 0),
        problem=text(found.problem),
        pod=None if owner is None else container_to_wire(owner.pod),
    )


def stranger_to_wire(found: Stranger) -> pb.Stranger:
    """One process."""
    return pb.Stranger(
        pid=found.pid,
        comm=text(found.comm),
        cgroup=text(found.cgroup),
        namespaces=_inodes(found.inodes),
    )


def _inodes(inodes: Inodes) -> list[pb.Namespace]:
    return [pb.Namespace(kind=kind.value, inode=inode) for kind, inode in inodes.items()]


def network_to_wire(report: NetworkReport, pods: Iterable[pb.PodNetwork]) -> pb.NetworkReport:
    """A message of the caller's own, with these of its pods."""
    return pb.NetworkReport(
        at=timestamp(report.wall_ns),
        pods=pods,
        leftovers=[_leftover(each, report.boottime_ns) for each in report.leftovers],
        pools=map(_pool, report.pools),
    )


def pod_network_to_wire(pod: PodNetwork) -> pb.PodNetwork:
    """One pod."""
    counters = pod.counters
    return pb.PodNetwork(
        pod=container_to_wire(pod.pod),
        datapath=DATAPATH.to_wire(pod.datapath),
        steps=[
            pb.NetworkStep(
                step=STEP.to_wire(each.step),
                state=STEP_STATE.to_wire(each.state),
                detail=text(each.detail),
            )
            for each in pod.steps
        ],
        broken=pb.PATH_STEP_UNSPECIFIED if pod.broken is None else STEP.to_wire(pod.broken.step),
        pid=pod.pid,
        inode=pod.inode,
        cookie=pod.cookie,
        name=text(pod.name),
        interface=text(pod.interface),
        host_interface=text(pod.host_interface),
        attached_to=text(pod.attached_to),
        addresses=pod.addresses,
        gateway=pod.gateway,
        mtu=pod.mtu,
        counters=None
        if counters is None
        else pb.InterfaceCounters(
            rx_bytes=counters.rx_bytes,
            tx_bytes=counters.tx_bytes,
            rx_packets=counters.rx_packets,
            tx_packets=counters.tx_packets,
            rx_errors=counters.rx_errors,
            tx_errors=counters.tx_errors,
            rx_dropped=counters.rx_dropped,
            tx_dropped=counters.tx_dropped,
        ),
        tcp_retransmits=pod.retransmits,
    )


def _leftover(found: Leftover, now_ns: int) -> pb.Leftover:
    created = found.created_wall_ns
    return pb.Leftover(
        kind=LEFTOVER.to_wire(found.kind),
        name=text(found.name),
        unused=duration_ns(max(0, now_ns - found.since_boottime_ns)),
        created=timestamp(created) if created else None,
        inode=found.inode,
        detail=text(found.detail),
        owner=text(found.owner),
    )


def _pool(pool: AddressPool) -> pb.AddressPool:
    return pb.AddressPool(
        network=text(pool.network),
        directory=text(pool.directory),
        ranges=pool.ranges,
        total=min(pool.total, UINT64_MAX),
        used=min(pool.used, UINT64_MAX),
        free=min(pool.free, UINT64_MAX),
        leaked=min(pool.leaked, UINT64_MAX),
        unread_reason=text(pool.unread),
    )
