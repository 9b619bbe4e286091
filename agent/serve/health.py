"""The gRPC health service alone, in plain text, for the kubelet's probes.

The kubelet dials an address of the pod, without TLS: neither the unix socket nor the API's own port
can be probed. Nothing is served here but SERVING or not, to whoever asks.
"""

from __future__ import annotations

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from agent.config import Address
from agent.serve.socket import refused_address

KEY = "serve.health_address"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 1024),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_concurrent_streams", 8),
    ("grpc.max_allowed_incoming_connections", 64),
    # Who has connected and asks nothing is dropped.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
)


class HealthServer:
    """Serves from `start` to `stop`. Started last, it says that the agent has started."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._health = health.aio.HealthServicer()
        self._server = aio.server(options=_OPTIONS, maximum_concurrent_rpcs=64)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> int:
        """Serve, and return the port; raises ServeError if it cannot."""
        try:
            port = self._server.add_insecure_port(str(self.address))
        except RuntimeError:  # grpc names no errno
            raise refused_address(self.address, KEY, "no probes") from None
        await self._health.set("", _SERVING)
        await self._server.start()
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Say that we stop, and stop."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
