"""A NodeAgent on a unix socket that answers what a test gave it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from agent.api.v1 import event_pb2, node_agent_pb2, node_agent_pb2_grpc
from tests.nodectl import examples, usage_examples

Watched = node_agent_pb2.WatchEventsResponse


@dataclass
class FakeAgent(node_agent_pb2_grpc.NodeAgentServicer):
    """`streams` holds one script for each WatchEvents call; at its end the call ends, or waits."""

    path: Path
    port: int = 0
    status: node_agent_pb2.GetStatusResponse = field(
        default_factory=lambda: node_agent_pb2.GetStatusResponse(status=examples.healthy())
    )
    incidents: node_agent_pb2.ListOOMIncidentsResponse = field(default_factory=examples.answer)
    memory: node_agent_pb2.GetMemoryResponse = field(default_factory=examples.memory)
    containers: node_agent_pb2.ListContainersResponse = field(
        default_factory=usage_examples.containers
    )
    pods: node_agent_pb2.ListPodsResponse = field(default_factory=usage_examples.pods)
    pressure: node_agent_pb2.GetPressureResponse = field(default_factory=examples.pressure)
    cni: node_agent_pb2.ListCNICallsResponse = field(default_factory=examples.cni)
    networks: node_agent_pb2.ListPodNetworksResponse = field(default_factory=examples.networks)
    plumbing: node_agent_pb2.GetPlumbingResponse = field(default_factory=examples.plumbing)
    namespaces: node_agent_pb2.ListNamespacesResponse = field(default_factory=examples.namespaces)
    runtime: node_agent_pb2.GetRuntimeResponse = field(default_factory=examples.runtime)
    heartbeat: node_agent_pb2.GetHeartbeatResponse = field(default_factory=examples.heartbeat)
    kubelet: node_agent_pb2.GetKubeletResponse = field(default_factory=examples.kubelet)
    cpu: node_agent_pb2.GetCPUResponse = field(default_factory=examples.cpu)
    pulls: node_agent_pb2.ListPullsResponse = field(default_factory=examples.pulls)
    devices: node_agent_pb2.ListDevicesResponse = field(default_factory=examples.devices)
    blocked: node_agent_pb2.ListBlockedTasksResponse = field(default_factory=examples.blocked)
    conditions: node_agent_pb2.ListConditionsResponse = field(
        default_factory=node_agent_pb2.ListConditionsResponse
    )
    exits: node_agent_pb2.ListExitsResponse = field(default_factory=examples.exits)
    error: tuple[grpc.StatusCode, str] | None = None
    streams: list[list[Watched]] = field(default_factory=list)
    head: event_pb2.ResumeToken | None = None  # answers who asks for no resume
    hang_after_stream: bool = False
    requests: list[Any] = field(default_factory=list)
    watching: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)

    def GetStatus(self, request: Any, context: Any) -> node_agent_pb2.GetStatusResponse:
        self._enter(request, context)
        return self.status

    def ListOOMIncidents(
        self, request: Any, context: Any
    ) -> node_agent_pb2.ListOOMIncidentsResponse:
        self._enter(request, context)
        return self.incidents

    def GetMemory(self, request: Any, context: Any) -> node_agent_pb2.GetMemoryResponse:
        self._enter(request, context)
        return self.memory

    def GetPressure(self, request: Any, context: Any) -> node_agent_pb2.GetPressureResponse:
        self._enter(request, context)
        return self.pressure

    def ListCNICalls(self, request: Any, context: Any) -> node_agent_pb2.ListCNICallsResponse:
        self._enter(request, context)
        return self.cni

    def ListPodNetworks(self, request: Any, context: Any) -> node_agent_pb2.ListPodNetworksResponse:
        self._enter(request, context)
        return self.networks

    def GetPlumbing(self, request: Any, context: Any) -> node_agent_pb2.GetPlumbingResponse:
        self._enter(request, context)
        return self.plumbing

    def ListNamespaces(self, request: Any, context: Any) -> node_agent_pb2.ListNamespacesResponse:
        self._enter(request, context)
        return self.namespaces

    def GetRuntime(self, request: Any, context: Any) -> node_agent_pb2.GetRuntimeResponse:
        self._enter(request, context)
        return self.runtime

    def GetHeartbeat(self, request: Any, context: Any) -> node_agent_pb2.GetHeartbeatResponse:
        self._enter(request, context)
        return self.heartbeat

    def GetKubelet(self, request: Any, context: Any) -> node_agent_pb2.GetKubeletResponse:
        self._enter(request, context)
        return self.kubelet

    def GetCPU(self, request: Any, context: Any) -> node_agent_pb2.GetCPUResponse:
        self._enter(request, context)
        return self.cpu

    def ListPulls(self, request: Any, context: Any) -> node_agent_pb2.ListPullsResponse:
        self._enter(request, context)
        return self.pulls

    def ListDevices(self, request: Any, context: Any) -> node_agent_pb2.ListDevicesResponse:
        self._enter(request, context)
        return self.devices

    def ListBlockedTasks(
        self, request: Any, context: Any
    ) -> node_agent_pb2.ListBlockedTasksResponse:
        self._enter(request, context)
        return self.blocked

    def ListExits(self, request: Any, context: Any) -> node_agent_pb2.ListExitsResponse:
        self._enter(request, context)
        return self.exits

    def ListConditions(self, request: Any, context: Any) -> node_agent_pb2.ListConditionsResponse:
        self._enter(request, context)
        return self.conditions

    def ListContainers(self, request: Any, context: Any) -> node_agent_pb2.ListContainersResponse:
        self._enter(request, context)
        return self.containers

    def ListPods(self, request: Any, context: Any) -> node_agent_pb2.ListPodsResponse:
        self._enter(request, context)
        return self.pods

    def WatchEvents(self, request: Any, context: Any) -> Iterator[Watched]:
        self._enter(request, context)
        if self.head is not None and not request.HasField("resume"):
            yield Watched(position=self.head)
        else:
            yield from self.streams.pop(0)
        if self.hang_after_stream:
            ended: queue.SimpleQueue[None] = queue.SimpleQueue()
            context.add_callback(lambda: ended.put(None))
            self.watching.put(None)
            ended.get()

    def _enter(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        if self.error is not None:
            context.abort(*self.error)


@contextmanager
def serving(
    agent: FakeAgent, credentials: grpc.ServerCredentials | None = None
) -> Iterator[FakeAgent]:
    """The agent on its socket, or over TLS on its `port`, until the block ends."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    node_agent_pb2_grpc.add_NodeAgentServicer_to_server(agent, server)
    if credentials is None:
        server.add_insecure_port(f"unix:{agent.path}")
    else:
        agent.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield agent
    finally:
        server.stop(None).wait()


def watched(
    *events: event_pb2.Event, at: int | None = None, stream: str = examples.STREAM
) -> Watched:
    """A message with these events; it leaves the subscriber at the last of them, or at `at`."""
    position = at if at is not None else events[-1].sequence
    return Watched(
        events=events, position=event_pb2.ResumeToken(stream_id=stream, sequence=position)
    )


def head(sequence: int, stream: str = examples.STREAM) -> event_pb2.ResumeToken:
    """Where the stream stands."""
    return event_pb2.ResumeToken(stream_id=stream, sequence=sequence)
