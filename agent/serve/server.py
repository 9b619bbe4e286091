"""A gRPC server of the node: the API, health and reflection, on the unix socket or over TCP.

GRPC_ENABLE_FORK_SUPPORT=0 must be in the environment before grpc is first imported, which is before
this module is: else a fork anywhere in the process (pyroute2 with netns= does one) crashes the
child. Where the process starts, in agent.main, is the place for it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from agent.api.v1 import node_agent_pb2, node_agent_pb2_grpc
from agent.config import Address
from agent.serve.node_agent import NodeAgent
from agent.serve.reflection import Reflection
from agent.serve.socket import ServeError, place_for_socket, refused_address

log = logging.getLogger(__name__)

SERVICE = node_agent_pb2.DESCRIPTOR.services_by_name["NodeAgent"].full_name
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# Beside the subscribers: lists, probes, health watchers.
_OTHER_CALLS = 64

_OPTIONS = (
    # One agent, one socket: a second one must fail to bind.
    ("grpc.so_reuseport", 0),
    # A client that is gone without a word (a stopped process, a cut network) is noticed in 80 s.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # Requests are a few filters. What we send is cut to fit every client (agent.serve.messages).
    ("grpc.max_receive_message_length", 64 * 1024),
    ("grpc.max_metadata_size", 16 * 1024),
)


class ApiServer:
    """The server from `start` or `start_tls` to `stop`; it owns its socket in between."""

    def __init__(
        self,
        servicer: NodeAgent,
        *,
        max_subscribers: int,
        options: Sequence[tuple[str, int]] = (),
        interceptors: Sequence[aio.ServerInterceptor] = (),
    ) -> None:
        calls = max_subscribers + _OTHER_CALLS
        self._servicer = servicer
        self._server = aio.server(
            options=(*_OPTIONS, ("grpc.max_concurrent_streams", calls), *options),
            interceptors=interceptors,
            maximum_concurrent_rpcs=calls,
        )
        self._health = health.aio.HealthServicer()
        node_agent_pb2_grpc.add_NodeAgentServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers((Reflection((SERVICE, health.SERVICE_NAME)),))

    async def start(self, path: Path, group: str) -> None:
        """Serve on the unix socket `path`; raises ServeError if it cannot."""
        await self._set_health(_NOT_SERVING)
        with place_for_socket(path, group):
            try:
                self._server.add_insecure_port(f"unix:{path}")
            except RuntimeError as error:  # grpc names no errno
                raise ServeError(f"cannot listen on {path}: {error}; change serve.socket") from None
        await self._serve()
        log.info("the API is served on %s", path)

    async def start_tls(self, address: Address, credentials: grpc.ServerCredentials) -> int:
        """Serve over TCP and return the port; raises ServeError if it cannot."""
        await self._set_health(_NOT_SERVING)
        try:
            port = self._server.add_secure_port(str(address), credentials)
        except RuntimeError:  # grpc names no errno
            raise refused_address(address) from None
        await self._serve()
        log.info("the API is served on %s", address)
        return port

    async def _serve(self) -> None:
        await self._server.start()
        await self._set_health(_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Say that we stop, end the streams with UNAVAILABLE, and wait for what else is running.

        What has not ended after `grace_seconds` is cancelled.
        """
        await self._health.enter_graceful_shutdown()
        self._servicer.stop()
        await self._server.stop(grace_seconds)

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for service in ("", SERVICE):
            await self._health.set(service, status)
