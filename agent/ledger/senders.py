"""Who sent a signal.

The runtime is told by comm and cgroup of the sender. What signals a container on its behalf is a
short-lived child of the shim (`runc kill`), whose executable can no longer be read; any process may
call itself "runc", but not from within a container: there the cgroup tells. Where that is not known
either, a name is all there is: in a pod with the host's pid namespace anybody can have it.
"""

from __future__ import annotations

import enum

from agent.model.cgroup import CgroupLevel
from agent.model.death import RUNTIMES, SignalSent
from agent.model.oom import Confidence
from agent.parse.cgroup_path import place as place_of

SI_KERNEL = 128
OOMD, OOMD_UNIT = "systemd-oomd", "systemd-oomd.service"


class SenderKind(enum.Enum):
    KERNEL = "kernel"
    ITSELF = "itself"
    RUNTIME = "runtime"
    OOMD = "oomd"
    PROCESS = "process"


def sureness(sent: SignalSent) -> Confidence:
    """How sure it is that `kind_of` is right about who sent it."""
    if sent.sender_cgroup:
        return Confidence.HIGH
    by_name = kind_of(sent) in (SenderKind.RUNTIME, SenderKind.OOMD)
    return Confidence.LOW if by_name else Confidence.MEDIUM


def kind_of(sent: SignalSent) -> SenderKind:
    """Who sent it."""
    if sent.code > 0:  # SI_KERNEL, or a fault such as SEGV_MAPERR
        return SenderKind.KERNEL
    if sent.sender_pid == sent.target_pid:
        return SenderKind.ITSELF
    place = place_of(sent.sender_cgroup) if sent.sender_cgroup else None
    inside = place is not None and place.level in (CgroupLevel.CONTAINER, CgroupLevel.NESTED)
    if sent.sender_comm in RUNTIMES and not inside:
        return SenderKind.RUNTIME
    if sent.sender_comm == OOMD and (place is None or place.unit == OOMD_UNIT):
        return SenderKind.OOMD
    return SenderKind.PROCESS
