"""The service agent.api.v1.NodeAgent: answers from the published state, never from the host."""

from __future__ import annotations

from typing import Any, TypeVar

from grpc import StatusCode
from grpc.aio import ServicerContext

from agent.api.oom import books_to_wire, incident_to_wire
from agent.api.status import status_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.api.v1 import node_agent_pb2_grpc
from agent.api.wire import timestamp
from agent.model.network import NetworkReport
from agent.serve import (
    cni,
    conditions,
    containers,
    cpu,
    exits,
    heartbeat,
    io,
    kubelet,
    memory,
    network,
    plumbing,
    pressure,
    pulls,
    runtime,
)
from agent.serve.messages import (
    InvalidRequestError,
    Subject,
    list_limit,
    since_ns,
    that_fit,
    token,
    watch_messages,
)
from agent.serve.view import View
from agent.state.position import Position
from agent.state.subscription import Subscription

T = TypeVar("T")

_NOT_YET = "nothing is read yet: ask again"
_STOPPING = "the agent is stopping: connect again, and resume from the last position"


class NodeAgent(node_agent_pb2_grpc.NodeAgentServicer):
    """Every method answers on the event loop. `stop` ends the streams."""

    def __init__(self, view: View, *, max_subscribers: int, subscriber_queue: int) -> None:
        self._view = view
        self._max_subscribers = max_subscribers
        self._subscriber_queue = subscriber_queue
        self._subscriptions: set[Subscription] = set()
        self._stopping = False

    def stop(self) -> None:
        """End every stream with UNAVAILABLE once what waits in its queue is sent; open no more."""
        self._stopping = True
        for subscription in self._subscriptions:
            subscription.end()

    async def GetStatus(
        self,
        request: pb.GetStatusRequest,
        context: ServicerContext[pb.GetStatusRequest, pb.GetStatusResponse],
    ) -> pb.GetStatusResponse:
        status = status_to_wire(self._view.status())
        status.conditions.CopyFrom(conditions.counts(self._view.conditions))
        return pb.GetStatusResponse(status=status)

    async def ListOOMIncidents(
        self,
        request: pb.ListOOMIncidentsRequest,
        context: ServicerContext[pb.ListOOMIncidentsRequest, pb.ListOOMIncidentsResponse],
    ) -> pb.ListOOMIncidentsResponse:
        try:
            limit, since = list_limit(request), since_ns(request)
        except InvalidRequestError as error:
            await context.abort(StatusCode.INVALID_ARGUMENT, str(error))
        held = self._view.incidents
        found, more = held.select(
            since_wall_ns=since,
            namespace=request.namespace,
            pod=request.pod,
            hidden=request.hidden,
            exclude_drills=request.exclude_drills,
            disagreements=request.disagreements,
            limit=limit,
        )
        oldest, books = held.oldest_wall_ns, self._view.status().oom  # of the same moment
        incidents, cut = await that_fit(map(incident_to_wire, found))
        return pb.ListOOMIncidentsResponse(
            incidents=incidents,
            books=books_to_wire(books),
            truncated=more or cut,
            oldest_held=None if oldest is None else timestamp(oldest),
        )

    async def ListExits(
        self,
        request: pb.ListExitsRequest,
        context: ServicerContext[pb.ListExitsRequest, pb.ListExitsResponse],
    ) -> pb.ListExitsResponse:
        try:
            return await exits.answer(request, self._view.deaths)
        except InvalidRequestError as error:
            await context.abort(StatusCode.INVALID_ARGUMENT, str(error))

    async def ListConditions(
        self,
        request: pb.ListConditionsRequest,
        context: ServicerContext[pb.ListConditionsRequest, pb.ListConditionsResponse],
    ) -> pb.ListConditionsResponse:
        try:
            return await conditions.answer(request, self._view.conditions)
        except InvalidRequestError as error:
            await context.abort(StatusCode.INVALID_ARGUMENT, str(error))

    async def GetMemory(
        self,
        request: pb.GetMemoryRequest,
        context: ServicerContext[pb.GetMemoryRequest, pb.GetMemoryResponse],
    ) -> pb.GetMemoryResponse:
        report = await _known(self._view.memory(), context)
        return memory.answer(request, report)

    async def ListContainers(
        self,
        request: pb.ListContainersRequest,
        context: ServicerContext[pb.ListContainersRequest, pb.ListContainersResponse],
    ) -> pb.ListContainersResponse:
        return await containers.containers(request, self._view.running())

    async def ListPods(
        self,
        request: pb.ListPodsRequest,
        context: ServicerContext[pb.ListPodsRequest, pb.ListPodsResponse],
    ) -> pb.ListPodsResponse:
        return await containers.pods(request, self._view.running())

    async def GetPressure(
        self,
        request: pb.GetPressureRequest,
        context: ServicerContext[pb.GetPressureRequest, pb.GetPressureResponse],
    ) -> pb.GetPressureResponse:
        report = await _known(self._view.pressure(), context)
        return pressure.answer(report)

    async def ListCNICalls(
        self,
        request: pb.ListCNICallsRequest,
        context: ServicerContext[pb.ListCNICallsRequest, pb.ListCNICallsResponse],
    ) -> pb.ListCNICallsResponse:
        try:
            return await cni.answer(request, self._view.cni())
        except InvalidRequestError as error:
            await context.abort(StatusCode.INVALID_ARGUMENT, str(error))

    async def ListNamespaces(
        self,
        request: pb.ListNamespacesRequest,
        context: ServicerContext[pb.ListNamespacesRequest, pb.ListNamespacesResponse],
    ) -> pb.ListNamespacesResponse:
        return await network.namespaces(request, await self._networks(context))

    async def ListPodNetworks(
        self,
        request: pb.ListPodNetworksRequest,
        context: ServicerContext[pb.ListPodNetworksRequest, pb.ListPodNetworksResponse],
    ) -> pb.ListPodNetworksResponse:
        return await network.networks(request, await self._networks(context))

    async def GetPlumbing(
        self,
        request: pb.GetPlumbingRequest,
        context: ServicerContext[pb.GetPlumbingRequest, pb.GetPlumbingResponse],
    ) -> pb.GetPlumbingResponse:
        report = await _known(self._view.plumbing(), context)
        return plumbing.answer(report)

    async def GetRuntime(
        self,
        request: pb.GetRuntimeRequest,
        context: ServicerContext[pb.GetRuntimeRequest, pb.GetRuntimeResponse],
    ) -> pb.GetRuntimeResponse:
        report = await _known(self._view.runtime(), context)
        return runtime.answer(report)

    async def ListPulls(
        self,
        request: pb.ListPullsRequest,
        context: ServicerContext[pb.ListPullsRequest, pb.ListPullsResponse],
    ) -> pb.ListPullsResponse:
        why = "no containerd is known, or nothing is read yet: ask again"
        report = await _known(self._view.pulls(), context, why)
        return pulls.answer(report)

    async def GetHeartbeat(
        self,
        request: pb.GetHeartbeatRequest,
        context: ServicerContext[pb.GetHeartbeatRequest, pb.GetHeartbeatResponse],
    ) -> pb.GetHeartbeatResponse:
        report = await _known(self._view.heartbeat(), context)
        return heartbeat.answer(report)

    async def GetKubelet(
        self,
        request: pb.GetKubeletRequest,
        context: ServicerContext[pb.GetKubeletRequest, pb.GetKubeletResponse],
    ) -> pb.GetKubeletResponse:
        report = await _known(self._view.kubelet(), context)
        return kubelet.answer(report)

    async def GetCPU(
        self,
        request: pb.GetCPURequest,
        context: ServicerContext[pb.GetCPURequest, pb.GetCPUResponse],
    ) -> pb.GetCPUResponse:
        report = await _known(self._view.cpu(), context)
        return cpu.answer(report)

    async def ListDevices(
        self,
        request: pb.ListDevicesRequest,
        context: ServicerContext[pb.ListDevicesRequest, pb.ListDevicesResponse],
    ) -> pb.ListDevicesResponse:
        report = await _known(self._view.disks(), context)
        return io.devices(report, self._view.faults())

    async def ListBlockedTasks(
        self,
        request: pb.ListBlockedTasksRequest,
        context: ServicerContext[pb.ListBlockedTasksRequest, pb.ListBlockedTasksResponse],
    ) -> pb.ListBlockedTasksResponse:
        report = await _known(self._view.blocked(), context)
        return io.blocked(request, report, self._view.faults())

    async def _networks(self, context: ServicerContext[Any, Any]) -> NetworkReport:
        report = self._view.network()
        if report is None:
            why = network.why_unread(self._view.status().sources)
            if why is not None:
                await context.abort(StatusCode.FAILED_PRECONDITION, why)
        return await _known(report, context)

    async def WatchEvents(  # type: ignore[override]  # writes instead of yielding: so `finally` runs
        self,
        request: pb.WatchEventsRequest,
        context: ServicerContext[pb.WatchEventsRequest, pb.WatchEventsResponse],
    ) -> None:
        if self._stopping:
            await context.abort(StatusCode.UNAVAILABLE, _STOPPING)
        if len(self._subscriptions) >= self._max_subscribers:
            await context.abort(
                StatusCode.RESOURCE_EXHAUSTED,
                f"{self._max_subscribers} subscribers are connected already: close one "
                "(`nodectl events -f` is one each), or raise serve.max_subscribers",
            )
        subject = Subject(namespace=request.namespace, pod=request.pod)
        resume = None
        if request.HasField("resume"):
            resume = Position(request.resume.stream_id, request.resume.sequence)
        subscription = self._view.stream.subscribe(resume, self._subscriber_queue)
        self._subscriptions.add(subscription)
        try:
            await context.write(pb.WatchEventsResponse(position=token(subscription.position)))
            async for delivery in subscription:
                for message in watch_messages(delivery, subject):
                    await context.write(message)
        finally:
            # Also when the call is cancelled; that error must go on (grpc #43360: else it leaks).
            self._subscriptions.discard(subscription)
            subscription.close()
        await context.abort(StatusCode.UNAVAILABLE, _STOPPING)


async def _known(report: T | None, context: ServicerContext[Any, Any], why: str = _NOT_YET) -> T:
    if report is None:
        await context.abort(StatusCode.UNAVAILABLE, why)
    return report
