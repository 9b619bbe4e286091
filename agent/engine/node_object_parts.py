"""How the questions to the API server are put together."""

from __future__ import annotations

import os

from agent.config.settings import APIServer
from agent.engine.board import ON_DEMAND
from agent.engine.ground import Ground
from agent.engine.node_object import NODE_OBJECT, NodeObjectWatch
from agent.host.api_server import Door, NodeReader, in_cluster


def watch_node_object(ground: Ground, node: str) -> NodeObjectWatch | None:
    """None where it is switched off, as it is by default; `node` is its name."""
    settings = ground.settings.api_server
    if not settings.read_node:
        return None
    ground.board.add(NODE_OBJECT, ON_DEMAND[NODE_OBJECT])
    return NodeObjectWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(1, name="api-server"),
        reader=lambda: NodeReader(_door(settings), node),
        interval_seconds=settings.interval,
        deadline_seconds=settings.deadline,
    )


def _door(settings: APIServer) -> Door:
    """Raises SourceAbsent."""
    host, port = settings.endpoint or in_cluster(os.environ)
    return Door(
        host=host,
        port=port,
        server_name=settings.server_name or host,
        ca=settings.ca,
        token=settings.token,
        client_certificate=settings.client_certificate,
        timeout_seconds=settings.deadline,
    )
