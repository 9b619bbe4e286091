"""How the watches over memory, usage and pressure are put together."""

from __future__ import annotations

from collections.abc import Callable

from agent.engine.ground import Ground
from agent.engine.headroom import HeadroomWatch
from agent.engine.pressure import PressureWatch
from agent.engine.usage import UsageWatch
from agent.host.cri import CriClient
from agent.host.kubelet import KubeletFinder
from agent.host.node_memory import NodeMemory
from agent.host.pressure import PressureFiles
from agent.inventory.names import ContainerKind
from agent.model.cgroup import CgroupId
from agent.model.event import PressureCrossed
from agent.observe.cgroups import CgroupWatcher
from agent.observe.sweep import Sweeper

HEADROOM_WORKERS = 4
"""Threads for memory, the kubelet's files and two file systems: all others may hang, and memory is
still read.
"""


def watch_headroom(ground: Ground, cri: CriClient | None) -> HeadroomWatch:
    """With threads of its own."""
    return HeadroomWatch(
        settings=ground.settings.kubelet,
        mode=ground.fs.mode,
        memory=NodeMemory(ground.root, ground.fs),
        kubelet=KubeletFinder(ground.root, ground.proc),
        clock=ground.clock,
        workers=ground.pools.new(HEADROOM_WORKERS, name="headroom"),
        board=ground.board,
        guard=ground.guard,
        names=lambda sample: ground.inventory.names_of(sample.place),
        image_directory=None if cri is None else cri.image_directory,
    )


def watch_usage(ground: Ground, cgroups: CgroupWatcher, headroom: HeadroomWatch) -> UsageWatch:
    """Each sweep is told to `headroom`."""

    def is_sandbox(key: CgroupId) -> bool:
        record = ground.inventory.get(key)
        return record is not None and record.kind is ContainerKind.SANDBOX

    return UsageWatch(
        sweeper=Sweeper(ground.fs, ground.clock, cgroups, is_sandbox=is_sandbox),
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        hears=[headroom.swept],
    )


def watch_pressure(ground: Ground, tell: Callable[[PressureCrossed], None]) -> PressureWatch:
    """`tell` hears of each threshold that is crossed."""
    return PressureWatch(
        settings=ground.settings.pressure,
        files=PressureFiles(ground.root, ground.fs),
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        tell=tell,
        names=ground.inventory.names_of,
    )
