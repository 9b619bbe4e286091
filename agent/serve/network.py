"""Namespaces and pod networks: the answers to ListNamespaces and ListPodNetworks, and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.api.network import (
    container_namespaces_to_wire,
    named_to_wire,
    namespaces_to_wire,
    network_to_wire,
    pod_network_to_wire,
    stranger_to_wire,
)
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.network import LeftoverKind, NetworkReport, PathStep, PodNetwork
from agent.model.oom import Container
from agent.model.source import SourceHealth, SourceState
from agent.serve.messages import that_fit
from agent.serve.row import Row, Samples, counter, gauge

NAMESPACES = "namespaces"


async def namespaces(
    request: pb.ListNamespacesRequest, report: NetworkReport
) -> pb.ListNamespacesResponse:
    """As many as fit into one message, containers by the names of their pods."""
    seen = report.namespaces
    owners = {pod.inode: pod for pod in report.pods}
    containers = sorted(
        (c for c in seen.containers if _of(c.container, request.namespace, request.pod)),
        key=lambda c: (*_order(c.container), not c.sandbox, c.container.name),
    )
    everything = not request.namespace and not request.pod
    named, cut = await that_fit(
        named_to_wire(each, seen, owners.get(each.inode))
        for each in seen.named
        if everything or _owned(owners.get(each.inode), request)
    )
    kept, truncated = await that_fit(
        (container_namespaces_to_wire(each, seen) for each in containers),
        beside=sum(each.ByteSize() for each in named),
    )
    strangers = map(stranger_to_wire, seen.strangers if everything else ())
    return pb.ListNamespacesResponse(
        namespaces=namespaces_to_wire(seen, kept, named, strangers), truncated=cut or truncated
    )


async def networks(
    request: pb.ListPodNetworksRequest, report: NetworkReport
) -> pb.ListPodNetworksResponse:
    """As many as fit into one message, those with a broken step first."""
    found = sorted(
        (
            pod
            for pod in report.pods
            if _of(pod.pod, request.namespace, request.pod) and (pod.broken or not request.broken)
        ),
        key=lambda pod: (pod.broken is None, *_order(pod.pod)),
    )
    kept, truncated = await that_fit(map(pod_network_to_wire, found))
    return pb.ListPodNetworksResponse(network=network_to_wire(report, kept), truncated=truncated)


def why_unread(sources: Iterable[SourceHealth]) -> str | None:
    """Why there is no report; None: there is none yet."""
    for source in sources:
        if source.name == NAMESPACES and source.state is SourceState.DOWN:
            return f"the namespaces of processes cannot be read: {source.detail}"
    return None


def _order(names: Container) -> tuple[str, str, str]:
    return names.namespace, names.pod, names.pod_uid


def _owned(owner: PodNetwork | None, request: pb.ListNamespacesRequest) -> bool:
    return owner is not None and _of(owner.pod, request.namespace, request.pod)


def _of(names: Container, namespace: str, pod: str) -> bool:
    return (not namespace or namespace == names.namespace) and (
        not pod or pod in (names.pod, names.pod_uid)
    )


def pods(report: NetworkReport | None) -> Samples:
    """Pods by datapath."""
    counts: dict[str, int] = {}
    for pod in () if report is None else report.pods:
        counts[pod.datapath.value] = counts.get(pod.datapath.value, 0) + 1
    for datapath, count in counts.items():
        yield (datapath,), count


def broken(report: NetworkReport | None) -> Samples:
    """Pods by their first broken step; zero for each step that none has broken."""
    if report is not None:
        steps = [pod.broken.step for pod in report.pods if pod.broken is not None]
        for step in PathStep:
            yield (step.value,), steps.count(step)


def leftovers(report: NetworkReport | None) -> Samples:
    """What belongs to nobody, by kind."""
    if report is not None:
        kinds = [each.kind for each in report.leftovers]
        for kind in LeftoverKind:
            yield (kind.value,), kinds.count(kind)


def addresses(report: NetworkReport | None) -> Samples:
    """Addresses by network and whether they are used, free or leaked."""
    for pool in () if report is None else report.pools:
        if not pool.unread:
            ranges = ", ".join(pool.ranges)
            yield (pool.network, ranges, "used"), pool.used
            yield (pool.network, ranges, "free"), pool.free
            yield (pool.network, ranges, "leaked"), pool.leaked


def counted(report: NetworkReport | None, field: str) -> Samples:
    """One of the counters of each pod's interface."""
    for pod, labels in _labelled(report):
        if pod.counters is not None:
            yield labels, getattr(pod.counters, field)


def retransmits(report: NetworkReport | None) -> Samples:
    """TCP segments sent again by each pod."""
    for pod, labels in _labelled(report):
        if pod.retransmits is not None:
            yield labels, pod.retransmits


def _labelled(report: NetworkReport | None) -> Iterator[tuple[PodNetwork, tuple[str, str]]]:
    """Once for each name: of a pod that is made anew, two are there for a moment."""
    found = {}
    for pod in () if report is None else report.pods:
        if pod.pod.pod:
            found[pod.pod.namespace, pod.pod.pod] = pod
    yield from ((pod, labels) for labels, pod in found.items())


def _of_interfaces(name: str, field: str, what: str) -> Row:
    return counter(
        f"pod_network_{name}",
        f"{what}, as the pod's own interface counts.",
        lambda s: counted(s.network, field),
        labels=("namespace", "pod"),
    )


ROWS = (
    gauge(
        "pod_networks",
        "Pods by how their interface is joined to the node.",
        lambda s: pods(s.network),
        labels=("datapath",),
    ),
    gauge(
        "pod_networks_broken",
        "Pods by the first step of their network path that is broken.",
        lambda s: broken(s.network),
        labels=("step",),
    ),
    gauge(
        "network_leftovers",
        "Network namespaces, veths, addresses and pod cgroups that belong to no sandbox.",
        lambda s: leftovers(s.network),
        labels=("kind",),
    ),
    gauge(
        "pod_addresses",
        "Addresses that host-local can give to pods: used, free, and the used ones of the dead.",
        lambda s: addresses(s.network),
        labels=("network", "ranges", "use"),
    ),
    *(
        _of_interfaces(name, field, what)
        for name, field, what in (
            ("receive_bytes", "rx_bytes", "Bytes received by the pod"),
            ("transmit_bytes", "tx_bytes", "Bytes sent by the pod"),
            ("receive_dropped", "rx_dropped", "Packets to the pod that were dropped"),
            ("transmit_dropped", "tx_dropped", "Packets of the pod that were dropped"),
            ("receive_errors", "rx_errors", "Packets to the pod with errors"),
            ("transmit_errors", "tx_errors", "Packets of the pod with errors"),
        )
    ),
    counter(
        "pod_tcp_retransmits",
        "TCP segments that the pod had to send again.",
        lambda s: retransmits(s.network),
        labels=("namespace", "pod"),
    ),
)
