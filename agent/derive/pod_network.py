"""The six steps of a pod's network path, each judged by what the kernel says. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.pod_attachment import SHARED, judge_attachment
from agent.derive.pod_egress import judge_address, judge_nat, judge_routes
from agent.derive.pod_interface import ends_of, pod_interface, usable_addresses
from agent.derive.pod_link import judge_link
from agent.model.netlink import HostNetwork, NamespaceNetwork, NatTable
from agent.model.network import Asked, Datapath, PathStep, PodNetwork, Step, StepState


def judge_pod(
    pod: PodNetwork,
    network: NamespaceNetwork,
    host: HostNetwork,
    nat: NatTable | None,
    asked: Asked,
) -> PodNetwork:
    """The pod with its steps, and with what is told of its interface."""
    if network.unread:
        return replace(pod, steps=unjudged(network.unread))
    named = f" {pod.name}" if pod.name else ""
    first = Step(
        step=PathStep.NAMESPACE,
        state=StepState.OK,
        detail=f"net:[{network.inode}]{named}, of pid {pod.pid}",
    )
    pod = replace(pod, cookie=network.cookie, retransmits=network.retransmits)
    inside = pod_interface(network.links)
    if inside is None:
        gone = Step(
            step=PathStep.LINK,
            state=StepState.BROKEN,
            detail="no interface but lo in the namespace: the pair was never made, or is deleted",
        )
        rest = tuple(_unreached(step) for step in tuple(PathStep)[2:])
        return replace(pod, datapath=Datapath.NONE, steps=(first, gone, *rest))
    ends = ends_of(inside, network, host)
    addresses = usable_addresses(network, inside)
    datapath, attachment = judge_attachment(ends, addresses, network, host, asked)
    routes, gateway = judge_routes(inside, addresses, network, host, asked)
    steps = (
        first,
        judge_link(ends, network),
        attachment,
        judge_address(inside, addresses, asked),
        routes,
        judge_nat(addresses, gateway, datapath, host, nat, asked),
    )
    master = None if ends.outside is None else host.links.get(ends.outside.master)
    parent = host.links.get(inside.peer_index) if datapath in SHARED.values() else master
    return replace(
        pod,
        datapath=datapath,
        steps=steps,
        interface=inside.name,
        host_interface="" if ends.outside is None else ends.outside.name,
        attached_to="" if parent is None else parent.name,
        addresses=tuple(f"{each.address}/{each.prefix}" for each in addresses),
        gateway=gateway,
        mtu=inside.mtu,
        counters=inside.counters,
    )


def unjudged(why: str) -> tuple[Step, ...]:
    """Six steps of which nothing is claimed."""
    return tuple(Step(step=step, state=StepState.UNKNOWN, detail=why) for step in PathStep)


def _unreached(step: PathStep) -> Step:
    return Step(step=step, state=StepState.UNREACHED, detail="there is no interface")
