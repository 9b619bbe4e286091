"""The API over a real unix socket, as a client sees it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]
    reflection_pb2,
    reflection_pb2_grpc,
)
from msgspec.structs import replace

from agent.api.v1 import event_pb2, node_agent_pb2
from agent.api.v1.node_agent_pb2_grpc import NodeAgentStub
from agent.model.event import SourceGap
from agent.model.oom import Disagreement, Truth
from agent.model.source import SourceState
from agent.serve.node_agent import NodeAgent
from agent.serve.server import SERVICE, ApiServer
from agent.serve.socket import ServeError
from agent.state.position import Position
from agent.state.subscription import Subscription
from tests.serve.sample import STATUS, STREAM_ID, SampleView, incident

if TYPE_CHECKING:
    from agent.api.v1.node_agent_pb2_grpc import NodeAgentAsyncStub

GROUP = "no-such-group-of-nodewitness"
MAX_SUBSCRIBERS = 3
QUEUE = 4

Watch = aio.UnaryStreamCall[node_agent_pb2.WatchEventsRequest, node_agent_pb2.WatchEventsResponse]


@dataclass
class Node:
    """A serving agent, and a client of it."""

    view: SampleView
    server: ApiServer
    path: Path
    channel: aio.Channel
    stub: NodeAgentAsyncStub

    def watch(self, **request: object) -> Watch:
        return self.stub.WatchEvents(node_agent_pb2.WatchEventsRequest(**request))  # type: ignore[arg-type]

    @property
    def subscribers(self) -> int:
        return self.view.stream.statistics().subscribers


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    view = SampleView()
    servicer = NodeAgent(view, max_subscribers=MAX_SUBSCRIBERS, subscriber_queue=QUEUE)
    server = ApiServer(servicer, max_subscribers=MAX_SUBSCRIBERS)
    path = tmp_path / "run" / "agent.sock"
    await server.start(path, GROUP)
    async with aio.insecure_channel(f"unix:{path}") as channel:
        yield Node(view, server, path, channel, NodeAgentStub(channel))
    await server.stop(0)


async def read(watch: Watch) -> node_agent_pb2.WatchEventsResponse:
    response = await watch.read()
    assert isinstance(response, node_agent_pb2.WatchEventsResponse), await watch.code()
    return response


async def sequences(watch: Watch, until: int) -> list[int]:
    """The sequences that arrive, up to the message that stands at `until`."""
    got: list[int] = []
    while True:
        response = await read(watch)
        got += [event.sequence for event in response.events]
        if response.position.sequence >= until:
            return got


async def drained(call: Watch) -> None:
    while await call.read() is not aio.EOF:
        pass


async def refusal(call: Watch) -> tuple[StatusCode, str]:
    """Code and message of a call that ends."""
    with pytest.raises(aio.AioRpcError) as error:
        await drained(call)
    return error.value.code(), error.value.details() or ""


async def none_left(node: Node) -> None:
    """Waits, driven by calls, until the server knows that its subscribers have gone."""
    while True:
        await node.stub.GetStatus(node_agent_pb2.GetStatusRequest())
        if not node.subscribers:
            return


async def test_status(node: Node) -> None:
    """The published status, whole."""
    response = await node.stub.GetStatus(node_agent_pb2.GetStatusRequest())
    status = response.status
    assert status.identity.node == "node-1"
    assert [source.name for source in status.sources] == ["kmsg", "vmstat", "trace"]
    assert status.oom.counted == 14
    assert status.oom.balanced
    assert status.journal.stream_id == STREAM_ID
    node.view.now = replace(STATUS, oom=replace(STATUS.oom, counted=None))
    response = await node.stub.GetStatus(node_agent_pb2.GetStatusRequest())
    assert not response.status.oom.HasField("counted")


async def test_list(node: Node) -> None:
    """Filters, newest first, and whether there was more."""
    node.view.happen(
        incident(1, namespace="bank", pod="db-0"),
        incident(2),
        replace(incident(3), hidden=Truth.YES),
        replace(incident(4), drill=True, disagreement=Disagreement.KILL_NOT_REPORTED),
    )
    ask = node_agent_pb2.ListOOMIncidentsRequest

    async def numbers(request: node_agent_pb2.ListOOMIncidentsRequest) -> list[int]:
        response = await node.stub.ListOOMIncidents(request)
        return [int(each.id.rpartition("k")[2]) for each in response.incidents]

    assert await numbers(ask()) == [4, 3, 2, 1]
    assert await numbers(ask(namespace="bank")) == [1]
    assert await numbers(ask(pod="uid-of-web-0")) == [4, 3, 2]
    assert await numbers(ask(hidden=True)) == [3]
    assert await numbers(ask(exclude_drills=True)) == [3, 2, 1]
    assert await numbers(ask(disagreements=True)) == [4]
    assert await numbers(ask(since=Timestamp(seconds=1_790_000_003))) == [4, 3]
    response = await node.stub.ListOOMIncidents(ask(limit=2))
    assert response.truncated
    assert len(response.incidents) == 2
    assert response.oldest_held.seconds == 1_790_000_001
    assert response.books.counted == 14


async def test_list_of_nothing(node: Node) -> None:
    """Where nothing happened, the oldest held is not claimed."""
    response = await node.stub.ListOOMIncidents(node_agent_pb2.ListOOMIncidentsRequest())
    assert not response.incidents
    assert not response.truncated
    assert not response.HasField("oldest_held")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (node_agent_pb2.ListOOMIncidentsRequest(limit=10_001), "ask for at most 10000"),
        (
            node_agent_pb2.ListOOMIncidentsRequest(since=Timestamp(seconds=1 << 60)),
            "give a time of the years 1 to 9999",
        ),
    ],
)
async def test_bad_lists(
    node: Node, request_: node_agent_pb2.ListOOMIncidentsRequest, words: str
) -> None:
    """INVALID_ARGUMENT, and what to do."""
    with pytest.raises(aio.AioRpcError) as error:
        await node.stub.ListOOMIncidents(request_)
    assert error.value.code() is StatusCode.INVALID_ARGUMENT
    assert words in (error.value.details() or "")


async def test_networks(node: Node) -> None:
    """What is read; before that, that it is to be asked again; where it cannot be read, why."""

    async def refused() -> list[tuple[StatusCode, str]]:
        told = []
        with pytest.raises(aio.AioRpcError) as error:
            await node.stub.ListPodNetworks(node_agent_pb2.ListPodNetworksRequest())
        told.append((error.value.code(), error.value.details() or ""))
        with pytest.raises(aio.AioRpcError) as error:
            await node.stub.ListNamespaces(node_agent_pb2.ListNamespacesRequest())
        return [*told, (error.value.code(), error.value.details() or "")]

    networks = await node.stub.ListPodNetworks(node_agent_pb2.ListPodNetworksRequest())
    assert len(networks.network.pods) == 3
    namespaces = await node.stub.ListNamespaces(node_agent_pb2.ListNamespacesRequest())
    assert len(namespaces.namespaces.containers) == 5
    node.view.network_now = None
    assert await refused() == [(StatusCode.UNAVAILABLE, "nothing is read yet: ask again")] * 2
    now = node.view.now
    down = replace(now.sources[0], name="namespaces", state=SourceState.DOWN, detail="it says no")
    node.view.now = replace(now, sources=(*now.sources, down))
    why = "the namespaces of processes cannot be read: it says no"
    assert await refused() == [(StatusCode.FAILED_PRECONDITION, why)] * 2


async def test_watch(node: Node) -> None:
    """The first message comes at once and says where the stream stands; then what happens."""
    node.view.happen(incident(1), incident(2))
    watch = node.watch()
    first = await read(watch)
    assert not first.events
    assert first.position == event_pb2.ResumeToken(
        stream_id=node.view.stream.head.stream_id, sequence=2
    )
    node.view.happen(incident(3))
    second = await read(watch)
    assert [event.oom_recorded.id for event in second.events] == [incident(3).id]
    assert second.position.sequence == 3
    watch.cancel()


async def test_resume(node: Node) -> None:
    """What follows the token, in messages of at most 100, and then what happens."""
    node.view.happen(*(incident(number) for number in range(1, 251)))
    stream_id = node.view.stream.head.stream_id
    watch = node.watch(resume=event_pb2.ResumeToken(stream_id=stream_id, sequence=20))
    assert (await read(watch)).position.sequence == 20
    sizes = []
    got: list[int] = []
    while not got or got[-1] < 250:
        response = await read(watch)
        sizes.append(len(response.events))
        got += [event.sequence for event in response.events]
    assert got == [*range(21, 251)]
    assert max(sizes) == 100
    node.view.happen(incident(251))
    assert await sequences(watch, 251) == [251]
    watch.cancel()


async def test_resume_typed_by_hand(node: Node) -> None:
    """Without a stream id, the numbering is meant."""
    node.view.happen(incident(1), incident(2))
    watch = node.watch(resume=event_pb2.ResumeToken(sequence=1))
    assert await sequences(watch, 2) == [2]
    watch.cancel()


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (event_pb2.ResumeToken(stream_id="another", sequence=1), "foreign-stream"),
        (event_pb2.ResumeToken(sequence=99), "future"),
    ],
)
async def test_gaps_at_resume(node: Node, token: event_pb2.ResumeToken, reason: str) -> None:
    """A token that cannot be resumed from yields a gap that says why, and the stream goes on."""
    node.view.happen(incident(1))
    watch = node.watch(resume=token)
    await read(watch)
    response = await read(watch)
    assert response.gap.reason == reason
    assert response.gap.detail
    node.view.happen(incident(2))
    assert (await sequences(watch, 2))[-1] == 2
    watch.cancel()


async def test_a_slow_subscriber(node: Node) -> None:
    """More than fits into its queue at once is a gap with numbers; what is newest still comes."""
    watch = node.watch()
    await read(watch)
    node.view.happen(*(incident(number) for number in range(1, 11)))
    response = await read(watch)
    assert response.gap.reason == "overrun"
    assert (response.gap.first_missing, response.gap.last_missing) == (1, 10 - QUEUE)
    assert await sequences(watch, 10) == [*range(10 - QUEUE + 1, 11)]
    assert node.view.stream.statistics().subscriber_drops == 10 - QUEUE
    watch.cancel()


async def test_filters(node: Node) -> None:
    """Only events about what was asked for, while the position counts the others in."""
    watch = node.watch(namespace="shop", pod="web-0")
    await read(watch)
    node.view.happen(incident(1, namespace="bank"))
    response = await read(watch)
    assert (len(response.events), response.position.sequence) == (0, 1)
    node.view.stream.publish(SourceGap(source="kmsg", lost=1, detail=""), 1, 1)
    response = await read(watch)
    assert (len(response.events), response.position.sequence) == (0, 2)
    node.view.happen(incident(3))
    assert await sequences(watch, 3) == [3]
    watch.cancel()


async def test_too_many_subscribers(node: Node) -> None:
    """One more is refused with what to do, and a place is free again when one has left."""
    watches = [node.watch() for _ in range(MAX_SUBSCRIBERS)]
    for watch in watches:
        await read(watch)
    code, words = await refusal(node.watch())
    assert code is StatusCode.RESOURCE_EXHAUSTED
    assert "raise serve.max_subscribers" in words
    for watch in watches:
        watch.cancel()
    await none_left(node)
    await read(node.watch())


@pytest.mark.parametrize("reads", [0, 1])
async def test_cancelled_streams_leave_nothing(
    node: Node, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a stream is cut, its subscription goes, and nothing keeps it alive."""
    alive: weakref.WeakSet[Subscription] = weakref.WeakSet()
    subscribe = node.view.stream.subscribe

    def recorded(resume: Position | None, queue_size: int) -> Subscription:
        subscription = subscribe(resume, queue_size)
        alive.add(subscription)
        return subscription

    monkeypatch.setattr(node.view.stream, "subscribe", recorded)
    for _ in range(20):
        watch = node.watch()
        for _ in range(reads):
            await read(watch)
        watch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watch.read()
        await none_left(node)
    gc.collect()
    assert not alive


async def test_a_client_that_dies_while_it_does_not_read(node: Node) -> None:
    """The stream of a client that took nothing, and then died, is cleaned up as well."""
    big = replace(incident(1), limit_cgroup="x" * 1_000_000)
    async with aio.insecure_channel(f"unix:{node.path}") as channel:
        watch: Watch = NodeAgentStub(channel).WatchEvents(node_agent_pb2.WatchEventsRequest())
        await read(watch)
        for _ in range(20):
            node.view.happen(big)
            await node.stub.GetStatus(node_agent_pb2.GetStatusRequest())
        assert node.subscribers == 1
    await none_left(node)


async def test_stop(node: Node) -> None:
    """Streams end with UNAVAILABLE and what to do; the socket is gone."""
    node.view.happen(incident(1))
    idle, behind = node.watch(), node.watch(resume=event_pb2.ResumeToken())
    await read(idle)
    await read(behind)
    await node.server.stop(10)
    for watch in (idle, behind):
        code, words = await refusal(watch)
        assert code is StatusCode.UNAVAILABLE
        assert "resume from the last position" in words
    assert node.subscribers == 0
    assert not node.path.exists()


async def test_stream_that_closes(node: Node) -> None:
    """When the agent closes its stream first, subscribers get the last events and UNAVAILABLE."""
    watch = node.watch()
    await read(watch)
    node.view.happen(incident(1))
    node.view.stream.close()
    assert await sequences(watch, 1) == [1]
    assert (await refusal(watch))[0] is StatusCode.UNAVAILABLE


async def test_health(node: Node) -> None:
    """Serving, by both names, until it stops; a watcher is told."""
    stub = health_pb2_grpc.HealthStub(node.channel)
    for name in ("", SERVICE):
        response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert response.status == health_pb2.HealthCheckResponse.SERVING
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    stopping = asyncio.create_task(node.server.stop(10))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()
    await stopping


async def test_reflection(node: Node) -> None:
    """A client without our .proto files finds the services."""
    stub = reflection_pb2_grpc.ServerReflectionStub(node.channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = await call.read()
    assert {each.name for each in listed.list_services_response.service} == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
    assert (await call.read()).file_descriptor_response.file_descriptor_proto
    await call.done_writing()


async def test_socket_and_second_agent(node: Node) -> None:
    """The socket is for root and a group; a second agent does not take it away."""
    assert stat.S_IMODE(node.path.stat().st_mode) == 0o660
    assert stat.S_IMODE(node.path.parent.stat().st_mode) == 0o750
    servicer = NodeAgent(node.view, max_subscribers=1, subscriber_queue=1)
    second = ApiServer(servicer, max_subscribers=1)
    with pytest.raises(ServeError, match="another agent answers"):
        await second.start(node.path, GROUP)
    await second.stop(0)
    assert (await node.stub.GetStatus(node_agent_pb2.GetStatusRequest())).status.identity.pid


async def test_start_after_a_crash(tmp_path: Path) -> None:
    """What a dead agent left in the way does not keep the next one from starting."""
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(os.fspath(path))
    servicer = NodeAgent(SampleView(), max_subscribers=1, subscriber_queue=1)
    server = ApiServer(servicer, max_subscribers=1)
    await server.start(path, GROUP)
    async with aio.insecure_channel(f"unix:{path}") as channel:
        stub: NodeAgentAsyncStub = NodeAgentStub(channel)
        await stub.GetStatus(node_agent_pb2.GetStatusRequest())
    await server.stop(0)
