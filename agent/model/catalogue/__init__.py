"""The catalogue: every condition that there is. nodectl, the metrics and docs/conditions.md are
made of it; `nodectl explain` needs no agent for it.

A new condition is an entry in one of the files here, and a detector in agent.detect.catalogue.
"""

from __future__ import annotations

from agent.model.catalogue import (
    afterlife,
    agent,
    cni,
    cpu,
    eviction,
    heartbeat,
    io,
    kubelet,
    network,
    oom,
    plumbing,
    pressure,
    pulls,
    restarts,
    runtime,
    services,
)
from agent.model.condition import ConditionType

CATALOGUE: tuple[ConditionType, ...] = tuple(
    sorted(
        (
            *afterlife.TYPES,
            *agent.TYPES,
            *cni.TYPES,
            *cpu.TYPES,
            *eviction.TYPES,
            *heartbeat.TYPES,
            *io.TYPES,
            *kubelet.TYPES,
            *network.TYPES,
            *oom.TYPES,
            *plumbing.TYPES,
            *pressure.TYPES,
            *pulls.TYPES,
            *restarts.TYPES,
            *runtime.TYPES,
            *services.TYPES,
        ),
        key=lambda kind: kind.name,
    )
)
"""By name."""


def find(name: str) -> ConditionType | None:
    """The entry of this name, in whatever case it is written."""
    return _BY_NAME.get(name.casefold())


_BY_NAME = {kind.name.casefold(): kind for kind in CATALOGUE}
