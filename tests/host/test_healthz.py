"""agent.host.healthz, over this machine's loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from agent.host.absence import SourceAbsent
from agent.host.healthz import ask_healthz
from agent.model.kubelet import HealthAnswer

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Handle) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answering(data: bytes) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /healthz HTTP/1.0\r\n")
        writer.write(data)
        writer.close()

    return handle


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nok", HealthAnswer(status=200, text="ok")),
        (
            b"HTTP/1.0 500 Internal Server Error\r\n\r\n[+]ping ok\n[-]syncloop failed\n",
            HealthAnswer(status=500, text="[+]ping ok; [-]syncloop failed"),
        ),
    ],
)
async def test_answers(data: bytes, answer: HealthAnswer) -> None:
    async with serving(answering(data)) as port:
        assert await ask_healthz("127.0.0.1", port) == answer


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-x\r\n", b"\x15\x03\x01" + b"x" * 20000])
async def test_no_http(data: bytes) -> None:
    """However much of it there is."""
    async with serving(answering(data)) as port:
        with pytest.raises(SourceAbsent, match="expected HTTP/1"):
            await ask_healthz("127.0.0.1", port)


async def test_refused() -> None:
    """Nobody listens any more."""
    async with serving(answering(b"")) as port:
        pass
    with pytest.raises(SourceAbsent, match="nobody listens"):
        await ask_healthz("127.0.0.1", port)


async def test_who_is_silent_can_be_left() -> None:
    """Whoever asks cancels, and the connection is gone."""
    gone = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        gone.set()

    asked = asyncio.Event()
    async with serving(handle) as port:
        question = asyncio.create_task(ask_healthz("127.0.0.1", port))
        await asked.wait()
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        await gone.wait()
