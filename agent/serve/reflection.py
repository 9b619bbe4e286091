"""gRPC's reflection: a client without our .proto files, as grpcurl is, learns what may be asked.

It is imported when the first such client asks. That is seldom, and the description of descriptions
that it brings (google.protobuf.descriptor_pb2) is a twentieth of the agent's start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc

SERVICE = "grpc.reflection.v1alpha.ServerReflection"
_METHOD = f"/{SERVICE}/ServerReflectionInfo"


class Reflection(grpc.GenericRpcHandler):
    """The one method of the reflection of these services, and of its own."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = (*services, SERVICE)
        self._handler: grpc.RpcMethodHandler[Any, Any] | None = None

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's handler; None for a method that is not this one."""
        if handler_call_details.method != _METHOD:
            return None
        if self._handler is None:
            self._handler = _handler(self._services)
        return self._handler


def _handler(services: Iterable[str]) -> grpc.RpcMethodHandler[Any, Any]:
    from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
    from grpc_reflection.v1alpha.reflection import aio  # type: ignore[import-untyped]

    return grpc.stream_stream_rpc_method_handler(
        aio.ReflectionServicer(services).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
