"""`nodectl net`: a line for each pod, or the six steps of one, then what is left of the dead."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.v1 import network_pb2 as pb
from agent.api.v1 import node_agent_pb2 as wire
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, size, wrapped

NARROW = ("STATE", "PATH", "ADDRESS", "RECEIVED", "SENT", "DROPPED", "RESENT", "POD")
WIDE = (*NARROW, "INTERFACE", "HOST END", "OF", "GATEWAY", "MTU", "PID", "INODE", "NETNS")
PATHS = {
    pb.DATAPATH_UNSPECIFIED: "?",
    pb.DATAPATH_HOST: "host",
    pb.DATAPATH_NONE: "none",
    pb.DATAPATH_BRIDGE: "bridge",
    pb.DATAPATH_ROUTED: "routed",
    pb.DATAPATH_BPF: "bpf",
    pb.DATAPATH_UNATTACHED: "loose",
    pb.DATAPATH_IPVLAN: "ipvlan",
    pb.DATAPATH_MACVLAN: "macvlan",
    pb.DATAPATH_DEVICE: "device",
}
STEPS = {
    pb.PATH_STEP_NAMESPACE: "namespace",
    pb.PATH_STEP_LINK: "link",
    pb.PATH_STEP_ATTACHMENT: "attachment",
    pb.PATH_STEP_ADDRESS: "address",
    pb.PATH_STEP_ROUTES: "routes",
    pb.PATH_STEP_NAT: "nat",
}
STATES = {
    pb.STEP_STATE_OK: "ok",
    pb.STEP_STATE_BROKEN: "BROKEN",
    pb.STEP_STATE_UNKNOWN: "unknown",
    pb.STEP_STATE_UNREACHED: "-",
    pb.STEP_STATE_UNUSED: "unused",
}
LEFTOVERS = {
    pb.LEFTOVER_KIND_NAMESPACE: "namespace",
    pb.LEFTOVER_KIND_VETH: "veth",
    pb.LEFTOVER_KIND_ADDRESS: "address",
    pb.LEFTOVER_KIND_CGROUP: "cgroup",
}
MAX_LEFTOVERS = 20


def found(answer: wire.ListPodNetworksResponse, *, of_node: bool) -> bool:
    """Whether something is wrong in what was asked for."""
    network = answer.network
    broken = any(pod.broken for pod in network.pods)
    return broken or (of_node and (bool(network.leftovers) or any(map(exhausted, network.pools))))


def exhausted(pool: pb.AddressPool) -> bool:
    """Whether no pod can get an address of it any more."""
    return not pool.unread_reason and not pool.free


def table(answer: wire.ListPodNetworksResponse, now_ns: int, *, wide: bool = False) -> str:
    """A line for each pod, then what is broken, pools and leftovers; names are escaped."""
    network = answer.network
    lines = aligned([_row(pod, wide=wide) for pod in network.pods], WIDE if wide else NARROW)
    if not network.pods:
        lines = ["No pod that was asked for."]
    broken = [pod for pod in network.pods if pod.broken]
    if broken:
        lines.append("")
    for pod in broken:
        step = next(step for step in pod.steps if step.state == pb.STEP_STATE_BROKEN)
        lines += wrapped(f"broken   {_who(pod)} ", f"{STEPS[step.step]}: {escape(step.detail)}")
    lines += _of_the_node(network, now_ns)
    if answer.truncated:
        lines.append(f"more     only {len(network.pods)} pods are shown: ask for one namespace")
    return "\n".join(lines)


def one(answer: wire.ListPodNetworksResponse, now_ns: int) -> str:
    """The six steps of each pod that was found."""
    lines: list[str] = []
    for pod in answer.network.pods:
        lines += ["", *_steps(pod)] if lines else _steps(pod)
    return "\n".join(lines) if lines else "No such pod."


def _of_the_node(network: pb.NetworkReport, now_ns: int) -> Iterator[str]:
    if network.pools or network.leftovers:
        yield ""
    for pool in network.pools:
        yield from wrapped("pool     ", f"{escape(pool.network)}: {_pool(pool)}")
    for each in network.leftovers[:MAX_LEFTOVERS]:
        created = f", made {age(each.created, now_ns)} ago" if each.HasField("created") else ""
        owner = f", of {escape(each.owner)[:12]}" if each.owner else ""
        detail = f"; {escape(each.detail)}" if each.detail else ""
        unused = duration(each.unused.ToNanoseconds() / 1e9)
        yield from wrapped(
            "left     ",
            f"{LEFTOVERS.get(each.kind, '?')} {escape(each.name)}: used by nobody for "
            f"{unused}{created}{owner}{detail}",
        )
    more = len(network.leftovers) - MAX_LEFTOVERS
    if more > 0:
        yield f"left     {more} more (-o json has all)"


def _pool(pool: pb.AddressPool) -> str:
    leaked = f", {pool.leaked} of them of containers that are gone" if pool.leaked else ""
    if pool.unread_reason:
        counted = pool.used and not pool.ranges
        used = f"{pool.used} addresses are used{leaked}; of how many is " if counted else ""
        return f"{used}not known: {escape(pool.unread_reason)}"
    full = "EXHAUSTED: " if exhausted(pool) else ""
    ranges = ", ".join(map(escape, pool.ranges))
    return f"{full}{pool.used} of {pool.total} addresses are used{leaked} ({ranges})"


def _row(pod: pb.PodNetwork, *, wide: bool) -> tuple[str, ...]:
    counters = pod.counters if pod.HasField("counters") else None
    row = (
        state(pod),
        PATHS.get(pod.datapath, "?"),
        pod.addresses[0] if pod.addresses else "-",
        "-" if counters is None else size(counters.rx_bytes),
        "-" if counters is None else size(counters.tx_bytes),
        "-" if counters is None else f"{counters.rx_dropped + counters.tx_dropped:,}",
        f"{pod.tcp_retransmits:,}" if pod.HasField("tcp_retransmits") else "-",
        _who(pod),
    )
    if not wide:
        return row
    more = (pod.interface, pod.host_interface, pod.attached_to, pod.gateway)
    return (
        *row,
        *(escape(each) or "-" for each in more),
        str(pod.mtu or "-"),
        str(pod.pid or "-"),
        str(pod.inode or "-"),
        escape(pod.name) or "-",
    )


def state(pod: pb.PodNetwork) -> str:
    """One word or two: ok, or the first step that is broken or unknown."""
    if pod.broken:
        return f"BROKEN {STEPS.get(pod.broken, '?')}"
    unknown = (step for step in pod.steps if step.state == pb.STEP_STATE_UNKNOWN)
    first = next(unknown, None)
    if first is not None:
        return f"unknown {STEPS.get(first.step, '?')}"
    return "ok" if pod.steps or pod.datapath == pb.DATAPATH_HOST else "unknown"


def _who(pod: pb.PodNetwork) -> str:
    names = pod.pod
    if names.pod:
        return f"{escape(names.namespace)}/{escape(names.pod)}"
    return escape(names.pod_uid) or "?"


def _steps(pod: pb.PodNetwork) -> list[str]:
    if pod.datapath == pb.DATAPATH_HOST:
        return [f"{_who(pod)}  has the host's network"]
    attached = f" on {escape(pod.attached_to)}" if pod.attached_to else ""
    lines = [f"{_who(pod)}  {PATHS.get(pod.datapath, '?')}{attached}  pid {pod.pid}", ""]
    for step in pod.steps:
        head = f"{STEPS.get(step.step, '?'):<11} {STATES.get(step.state, '?'):<8} "
        lines += wrapped(head, escape(step.detail))
    if not pod.steps:
        lines.append("nothing of it could be read")
    if pod.HasField("counters"):
        c = pod.counters
        received = _counted(c.rx_bytes, c.rx_packets, c.rx_dropped, c.rx_errors)
        sent = _counted(c.tx_bytes, c.tx_packets, c.tx_dropped, c.tx_errors)
        lines += ["", f"received    {received}", f"sent        {sent}"]
    if pod.HasField("tcp_retransmits"):
        lines.append(f"resent      {pod.tcp_retransmits:,} TCP segments")
    return lines


def _counted(octets: int, packets: int, dropped: int, errors: int) -> str:
    return f"{size(octets)} in {packets:,} packets, {dropped:,} dropped, {errors:,} errors"
