"""The connection to the agent: one door, its calls, and every way they fail in words.

The door is tried without gRPC first. That costs little, tells why nobody answers (gRPC says
UNAVAILABLE to all of it), and spares a slow machine the import of gRPC when there is nobody to talk
to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from agent.nodectl.door import Door, import_grpc
from agent.nodectl.exits import AgentAnsweredError, NodectlError, timed_out
from agent.nodectl.show.words import escape

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

    from agent.api.v1 import condition_pb2, status_pb2
    from agent.api.v1 import node_agent_pb2 as wire

# 10,000 incidents with their victims are more than gRPC's default of 4 MiB.
_MAX_MESSAGE_BYTES = 64 << 20
_Answer = TypeVar("_Answer", bound="Message")
_SERVICE = "/agent.api.v1.NodeAgent/"


class Client:
    """Calls of one agent. `with` tries its door (NoAgentError if nobody is there) and closes."""

    def __init__(self, door: Door, timeout_seconds: float) -> None:
        self.door = door
        self.timeout_seconds = timeout_seconds
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> Client:
        self.door.probe(self.timeout_seconds)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def status(self) -> wire.GetStatusResponse:
        """GetStatus."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetStatus", wire.GetStatusRequest(), wire.GetStatusResponse)

    def incidents(self, request: wire.ListOOMIncidentsRequest) -> wire.ListOOMIncidentsResponse:
        """ListOOMIncidents."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListOOMIncidents", request, wire.ListOOMIncidentsResponse)

    def exits(self, request: wire.ListExitsRequest) -> wire.ListExitsResponse:
        """ListExits."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListExits", request, wire.ListExitsResponse)

    def conditions(self, request: wire.ListConditionsRequest) -> wire.ListConditionsResponse:
        """ListConditions."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListConditions", request, wire.ListConditionsResponse)

    def conditions_with(self, status: status_pb2.Status) -> list[condition_pb2.Condition]:
        """What is wrong, to be shown with this status; nothing of an agent that is older."""
        from agent.api.v1 import node_agent_pb2 as wire

        if not status.HasField("conditions"):
            return []
        return list(self.conditions(wire.ListConditionsRequest()).conditions)

    def memory(self, request: wire.GetMemoryRequest) -> wire.GetMemoryResponse:
        """GetMemory."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetMemory", request, wire.GetMemoryResponse)

    def containers(self, request: wire.ListContainersRequest) -> wire.ListContainersResponse:
        """ListContainers."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListContainers", request, wire.ListContainersResponse)

    def pods(self, request: wire.ListPodsRequest) -> wire.ListPodsResponse:
        """ListPods."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListPods", request, wire.ListPodsResponse)

    def pressure(self) -> wire.GetPressureResponse:
        """GetPressure."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetPressure", wire.GetPressureRequest(), wire.GetPressureResponse)

    def cni(self, request: wire.ListCNICallsRequest) -> wire.ListCNICallsResponse:
        """ListCNICalls."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListCNICalls", request, wire.ListCNICallsResponse)

    def namespaces(self, request: wire.ListNamespacesRequest) -> wire.ListNamespacesResponse:
        """ListNamespaces."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListNamespaces", request, wire.ListNamespacesResponse)

    def networks(self, request: wire.ListPodNetworksRequest) -> wire.ListPodNetworksResponse:
        """ListPodNetworks."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListPodNetworks", request, wire.ListPodNetworksResponse)

    def plumbing(self) -> wire.GetPlumbingResponse:
        """GetPlumbing."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetPlumbing", wire.GetPlumbingRequest(), wire.GetPlumbingResponse)

    def runtime(self) -> wire.GetRuntimeResponse:
        """GetRuntime."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetRuntime", wire.GetRuntimeRequest(), wire.GetRuntimeResponse)

    def heartbeat(self) -> wire.GetHeartbeatResponse:
        """GetHeartbeat."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetHeartbeat", wire.GetHeartbeatRequest(), wire.GetHeartbeatResponse)

    def kubelet(self) -> wire.GetKubeletResponse:
        """GetKubelet."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetKubelet", wire.GetKubeletRequest(), wire.GetKubeletResponse)

    def cpu(self) -> wire.GetCPUResponse:
        """GetCPU."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("GetCPU", wire.GetCPURequest(), wire.GetCPUResponse)

    def pulls(self) -> wire.ListPullsResponse:
        """ListPulls."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListPulls", wire.ListPullsRequest(), wire.ListPullsResponse)

    def devices(self) -> wire.ListDevicesResponse:
        """ListDevices."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListDevices", wire.ListDevicesRequest(), wire.ListDevicesResponse)

    def blocked(self, request: wire.ListBlockedTasksRequest) -> wire.ListBlockedTasksResponse:
        """ListBlockedTasks."""
        from agent.api.v1 import node_agent_pb2 as wire

        return self._unary("ListBlockedTasks", request, wire.ListBlockedTasksResponse)

    def watch(
        self, request: wire.WatchEventsRequest, *, every: bool = False
    ) -> Generator[wire.WatchEventsResponse, None, None]:
        """WatchEvents. The first message must come within the timeout, or `every` message.

        Closing the generator cancels the call.
        """
        from agent.api.v1 import node_agent_pb2 as wire

        channel = self._connect()
        call = channel.unary_stream(
            _SERVICE + "WatchEvents",
            request_serializer=wire.WatchEventsRequest.SerializeToString,
            response_deserializer=wire.WatchEventsResponse.FromString,
        )(request)
        watchdog = _Watchdog(self.timeout_seconds, call.cancel)
        try:
            with self._translated(watchdog.bitten):
                watchdog.start()
                for message in call:
                    watchdog.stop()
                    yield message
                    if every:
                        watchdog.start()
        finally:
            watchdog.stop()
            call.cancel()

    def _unary(self, method: str, request: Message, response: type[_Answer]) -> _Answer:
        channel = self._connect()
        call: Callable[..., _Answer] = channel.unary_unary(
            _SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        with self._translated(threading.Event()):
            return call(request, timeout=self.timeout_seconds)

    def _connect(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = self.door.channel(
                (
                    ("grpc.enable_http_proxy", 0),
                    # A stream whose agent is stopped or hangs ends after half a minute.
                    ("grpc.keepalive_time_ms", 20_000),
                    ("grpc.keepalive_timeout_ms", 10_000),
                    ("grpc.http2.max_pings_without_data", 0),
                    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                )
            )
        return self._channel

    @contextmanager
    def _translated(self, late: threading.Event) -> Iterator[None]:
        grpc = import_grpc()
        try:
            yield
        except grpc.RpcError as error:
            raise self._error(error.code(), error.details() or "", late.is_set()) from None

    def _error(self, code: grpc.StatusCode, details: str, late: bool) -> NodectlError:
        grpc = import_grpc()
        said = escape(details)
        if late or code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self.door.no_agent(*timed_out(self.timeout_seconds))
        if code is grpc.StatusCode.UNAVAILABLE:
            return self.door.no_agent(
                f"the connection broke or was refused ({said})",
                ("the agent is starting or stopping: try again", "the agent died"),
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            said += " (is the agent older than nodectl? `nodectl version` shows both)"
        return AgentAnsweredError(f"the agent answered {code.name}: {said}")


class _Watchdog:
    """Cancels a call that says nothing for too long."""

    def __init__(self, seconds: float, cancel: Callable[[], object]) -> None:
        self.bitten = threading.Event()
        self._seconds = seconds
        self._cancel = cancel
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        self._timer = threading.Timer(self._seconds, self._bite)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _bite(self) -> None:
        self.bitten.set()
        self._cancel()
