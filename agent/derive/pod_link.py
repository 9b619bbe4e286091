"""Step 2 of a pod's network path: its interface, and the host's end of it. Pure."""

from __future__ import annotations

from agent.derive.pod_interface import PAIRS, Ends
from agent.model.netlink import Link, NamespaceNetwork
from agent.model.network import PathStep, Step, StepState

_BROKEN, _OK, _UNKNOWN = StepState.BROKEN, StepState.OK, StepState.UNKNOWN


def judge_link(ends: Ends, network: NamespaceNetwork) -> Step:
    """Both ends there, up, with carrier, and of one MTU."""
    state, detail = _judge(ends, network)
    return Step(step=PathStep.LINK, state=state, detail=detail)


def _judge(ends: Ends, network: NamespaceNetwork) -> tuple[StepState, str]:
    inside, outside = ends.inside, ends.outside
    if not inside.up:
        return _BROKEN, f"{inside.name} in the pod is switched off (IFF_UP is not set)"
    if inside.kind not in PAIRS:
        kind = inside.kind or "a device of its own"
        if inside.carrier is False:
            return _BROKEN, f"{inside.name} ({kind}) has no carrier: its parent or cable is down"
        return _OK, f"{inside.name} is {kind}, up, mtu {inside.mtu}"
    if outside is None:
        return _no_other_end(inside, network)
    pair = f"{inside.name} (ifindex {inside.index}) and {outside.name} (ifindex {outside.index})"
    if not outside.up:
        return _BROKEN, f"{outside.name}, the host's end of {inside.name}, is switched off"
    if inside.carrier is False or outside.carrier is False:
        without = inside.name if inside.carrier is False else outside.name
        return _BROKEN, f"{pair}: {without} has no carrier"
    if inside.mtu != outside.mtu:
        mtus = f"{inside.mtu} in the pod, {outside.mtu} on the host"
        return _BROKEN, f"{pair} disagree on their MTU: {mtus}; larger packets are dropped"
    nsid = "" if network.nsid is None else f", nsid {network.nsid}"
    return _OK, f"{pair}, both up with carrier, mtu {inside.mtu}{nsid}"


def _no_other_end(inside: Link, network: NamespaceNetwork) -> tuple[StepState, str]:
    where = f"ifindex {inside.peer_index}"
    if inside.peer_nsid is None:
        return _BROKEN, f"the other end of {inside.name} ({where}) has never left the pod"
    if inside.peer_nsid != network.host_nsid:
        return _UNKNOWN, f"the other end of {inside.name} ({where}) is in a third namespace"
    return (
        _UNKNOWN,
        f"the other end of {inside.name} ({where}) was not there when it was looked for",
    )
