"""How the watch over the heartbeat's paths is put together."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.engine.ground import Ground
from agent.engine.heartbeat import HeartbeatWatch
from agent.host.callers import CallerFinder
from agent.host.namespaces import Namespaces
from agent.model.evidence import Observation
from agent.model.heartbeat import Role
from agent.observe.connections import ConnectionSight

HEARTBEAT_WORKERS = 3
"""Threads for /proc and netlink: two may hang."""


def watch_heartbeat(ground: Ground, *, lost: Callable[[list[Observation]], None]) -> HeartbeatWatch:
    """With threads of its own."""
    heartbeat = ground.settings.heartbeat
    names = {
        Role.KUBELET: heartbeat.kubelet_names,
        Role.API_SERVER: heartbeat.apiserver_names,
    }
    finder = CallerFinder(ground.root, ground.proc, names)
    return HeartbeatWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(HEARTBEAT_WORKERS, name="heartbeat"),
        sight=ConnectionSight(
            finder, Namespaces(ground.root), ground.fs, os.getpid(), heartbeat.api_ports
        ),
        names=ground.inventory.names_of,
        has_thread=finder.has_thread,
        lost=lost,
        api_ports=frozenset(heartbeat.api_ports),
        wanted=" or ".join(heartbeat.kubelet_names + heartbeat.apiserver_names) or "so",
        stalled_after=heartbeat.stalled_after,
    )
