"""How the watch over pulls is put together."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.engine.ground import Ground
from agent.engine.pulls import PullWatch
from agent.host.callers import CallerFinder
from agent.host.containerd_files import ContainerdFiles
from agent.host.namespaces import Namespaces
from agent.host.tasks import TaskReader
from agent.inventory.containers import Inventory
from agent.inventory.names import ContainerKind
from agent.model.disks import DiskReport
from agent.model.oom import Container
from agent.model.runtime import RuntimeReport
from agent.observe.connections import ConnectionSight
from agent.observe.pulls import PullSight

PULL_WORKERS = 3
"""Threads for /proc and netlink, and for containerd's disk: two may hang."""
MAX_WAITING = 64


def watch_pulls(
    ground: Ground,
    *,
    runtime: Callable[[], RuntimeReport | None],
    disks: Callable[[], DiskReport | None],
) -> PullWatch:
    """With threads of its own."""
    finder = CallerFinder(ground.root, ground.proc, {})
    connections = ConnectionSight(finder, Namespaces(ground.root), ground.fs, os.getpid(), ())
    return PullWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(PULL_WORKERS, name="pulls"),
        sight=PullSight(
            ContainerdFiles(ground.root), connections, ground.proc, TaskReader(ground.root)
        ),
        off="" if ground.settings.sources.cri else "switched off by sources.cri",
        runtime=runtime,
        disks=disks,
        waiting=lambda: waiting_pods(ground.inventory),
        stalled_after=ground.settings.runtime.pull_stalled_after,
    )


def waiting_pods(inventory: Inventory) -> tuple[Container, ...]:
    """Pods that have a sandbox and have had no container yet: as a rule, their image is pulled."""
    found = []
    for pod in inventory.alive_pods():
        records = inventory.in_pod(pod.names.pod_uid)
        kinds = {record.kind for record in records}
        sandboxed = any(r.alive and r.kind is ContainerKind.SANDBOX for r in records)
        if sandboxed and kinds == {ContainerKind.SANDBOX}:
            found.append(pod.names)
    found.sort(key=lambda names: (names.namespace, names.pod, names.pod_uid))
    return tuple(found[:MAX_WAITING])
