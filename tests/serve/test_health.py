"""The gRPC health service in plain text, as the kubelet asks it."""

import socket

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from agent.api.v1 import node_agent_pb2
from agent.api.v1.node_agent_pb2_grpc import NodeAgentStub
from agent.config import Address
from agent.serve.health import HealthServer
from agent.serve.socket import ServeError

CALL_SECONDS = 30.0


async def test_serving_and_nothing_else() -> None:
    """A probe without a service's name is answered; the API is not served there."""
    server = HealthServer(Address("127.0.0.1", 0))
    port = await server.start()
    try:
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(aio.AioRpcError) as caught:
                await NodeAgentStub(channel).GetStatus(
                    node_agent_pb2.GetStatusRequest(), timeout=CALL_SECONDS
                )
            assert caught.value.code() is StatusCode.UNIMPLEMENTED
    finally:
        await server.stop(0)


async def test_taken_port_names_the_key() -> None:
    """What to change is said."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HealthServer(Address("127.0.0.1", port))
        with pytest.raises(ServeError, match=r"another process.*serve\.health_address"):
            await server.start()
        await server.stop(0)
