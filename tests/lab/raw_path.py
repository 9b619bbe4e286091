"""The shortest way from a kill to a subscriber in Python, to hold the agent's way against.

Runs in the guest, as two processes:

    raw_path.py serve TRACING SOCKET     reads trace_pipe of an instance of its own with
                                         oom:mark_victim and forwards each line over a bare
                                         grpc.aio stream, as it is
    raw_path.py hear SOCKET (raw|agent)  a subscriber, of that stream or of the agent's

The subscriber prints "ready", then "PID ARRIVED_NS [KILLED_NS]" for each kill as it comes:
CLOCK_BOOTTIME when the message was there, and the event's own time stamp by the same clock.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

METHOD = "/raw.Path/Lines"
LINE = re.compile(rb" (\d+)\.(\d{6}): mark_victim: pid=(\d+)")
SHORT_BACKOFF = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100))


class Lines(grpc.GenericRpcHandler):
    """The stream: every line of the pipe to every subscriber."""

    def __init__(self) -> None:
        self.subscribers: set[asyncio.Queue[bytes]] = set()

    def service(self, details: Any) -> Any:
        """grpc asks who answers a method."""
        return grpc.unary_stream_rpc_method_handler(self.stream)

    async def stream(self, request: bytes, context: object) -> AsyncIterator[bytes]:
        """What is forwarded to one subscriber; an empty message when it is heard."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.subscribers.add(queue)
        yield b""
        while True:
            yield await queue.get()

    def forward(self, pipe: int) -> None:
        """What is in the pipe, line by line."""
        for line in os.read(pipe, 65536).splitlines():
            for queue in self.subscribers:
                queue.put_nowait(line)


def open_pipe(instance: str) -> int:
    """The trace_pipe of a new instance that records kills."""
    os.makedirs(instance, exist_ok=True)
    for name, word in (("trace_clock", "boot"), ("events/oom/mark_victim/enable", "1")):
        with open(f"{instance}/{name}", "w", encoding="ascii") as file:
            file.write(word)
    return os.open(f"{instance}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK)


async def serve(tracing: str, socket: str) -> None:
    """Forward until killed."""
    pipe = open_pipe(f"{tracing}/instances/raw-path")
    lines = Lines()
    server = grpc.aio.server(handlers=(lines,))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    asyncio.get_running_loop().add_reader(pipe, lines.forward, pipe)
    await server.wait_for_termination()


async def hear_raw(socket: str) -> None:
    """Subscribe to the lines."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=SHORT_BACKOFF) as channel:
        stream: Any = channel.unary_stream(METHOD)
        async for line in stream(b"", wait_for_ready=True):
            arrived_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            found = LINE.search(line)
            if found:
                killed_ns = int(found[1]) * 1_000_000_000 + int(found[2]) * 1000
                print(int(found[3]), arrived_ns, killed_ns, flush=True)
            elif not line:
                print("ready", flush=True)


async def hear_agent(socket: str) -> None:
    """Subscribe to the agent's events."""
    from agent.api.v1 import node_agent_pb2 as pb
    from agent.api.v1.node_agent_pb2_grpc import NodeAgentStub

    known: set[int] = set()
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=SHORT_BACKOFF) as channel:
        stub = NodeAgentStub(channel)
        first = True
        async for message in stub.WatchEvents(pb.WatchEventsRequest()):
            arrived_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if first:
                print("ready", flush=True)
            first = False
            for event in message.events:
                for victim in event.oom_recorded.victims:
                    if victim.pid not in known:
                        known.add(victim.pid)
                        print(victim.pid, arrived_ns, flush=True)


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        asyncio.run(serve(*words))
    else:
        hear = {"raw": hear_raw, "agent": hear_agent}[words[1]]
        asyncio.run(hear(words[0]))
