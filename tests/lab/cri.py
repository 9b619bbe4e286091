"""A CRI client without generated code: descriptors from the guest's containerd, messages as dicts.

https://github.com/kubernetes/cri-api
"""

from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

SERVICES = ("runtime.v1.RuntimeService", "runtime.v1.ImageService")
CALL_SECONDS = 120.0


def descriptor_set(path: Path) -> FileDescriptorSet:
    """The CRI API's descriptors as this lab's containerd has them (`Artefacts.cri`)."""
    return FileDescriptorSet.FromString(path.read_bytes())


def open_channel(port: int) -> grpc.Channel:
    """A channel through one of the guest's relays; it comes back soon after its target does."""
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.min_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 200),
        ("grpc.max_receive_message_length", 16 << 20),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=options)


class Cri:
    """The runtime of one guest. Close it."""

    def __init__(self, port: int, descriptors: Path) -> None:
        pool = DescriptorPool()
        for file in descriptor_set(descriptors).file:
            pool.AddSerializedFile(file.SerializeToString())
        self._channel = open_channel(port)
        self._methods: dict[str, tuple[Any, type[Any]]] = {}
        for name in SERVICES:
            for method in pool.FindServiceByName(name).methods:
                request = message_factory.GetMessageClass(method.input_type)
                response = message_factory.GetMessageClass(method.output_type)
                call = self._channel.unary_unary(
                    f"/{name}/{method.name}",
                    request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString,
                )
                self._methods[method.name] = (call, request)

    def call(self, method: str, *, seconds: float = CALL_SECONDS, **fields: Any) -> Any:
        """Call a method, the request's fields as keywords; grpc.RpcError as it comes."""
        call, request = self._methods[method]
        message = json_format.ParseDict(fields, request())
        return call(message, timeout=seconds)

    def answers(self, seconds: float = 1.0) -> bool:
        """Whether the runtime answers Version within the time."""
        try:
            self.call("Version", seconds=seconds)
        except grpc.RpcError:
            return False
        return True

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def as_dict(message: Any) -> dict[str, Any]:
    """A message as a dict with the API's own field names; zero values are missing."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
