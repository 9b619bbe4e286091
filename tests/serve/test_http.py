"""The HTTP server, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import pytest

from agent.config import Address
from agent.serve.http import HEAD_BYTES, HttpServer
from agent.serve.request import Request, Response
from agent.serve.socket import listen
from agent.serve.statistics import HttpStatistics

NEVER = 3600.0
AT_ONCE = 0.001

GET = b"GET / HTTP/1.1\r\nHost: n\r\n\r\n"


async def hello(request: Request) -> Response:
    if request.path == "/broken":
        raise ZeroDivisionError
    return Response.words(HTTPStatus.OK, f"hello {request.path}\n")


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes, *, head_only: bool = False) -> tuple[int, str, bytes]:
        """Status, head and body of the answer to `request`."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.partition("Content-Length: ")[2].split("\r\n")[0])
        body = b"" if head_only else await self.reader.readexactly(length)
        return int(head.split()[1]), head, body

    def abort(self) -> None:
        self.writer.transport.abort()

    async def closed(self) -> bool:
        """Waits until the server closes; whether it sent nothing more."""
        with contextlib.suppress(ConnectionResetError):
            return await self.reader.read() == b""
        return True


class Served:
    """A running server and its clients."""

    def __init__(self, server: HttpServer, port: int, statistics: HttpStatistics) -> None:
        self.server = server
        self.port = port
        self.statistics = statistics
        self._clients = contextlib.AsyncExitStack()

    async def connect(self, **options: int) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        client = Client(reader, writer)
        self._clients.callback(client.abort)
        return client

    async def aclose(self) -> None:
        await self._clients.aclose()
        await self.server.stop()


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            respond: Callable[[Request], Awaitable[Response]] = hello,
            connections: int = 4,
            header_timeout: float = NEVER,
            take_timeout: float = NEVER,
        ) -> Served:
            statistics = HttpStatistics()
            server = HttpServer(
                respond,
                statistics=statistics,
                max_connections=connections,
                header_timeout=header_timeout,
                take_timeout=take_timeout,
            )
            listener = listen(Address("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            await server.start(listener)
            served = Served(server, port, statistics)
            stack.push_async_callback(served.aclose)
            return served

        yield start


async def test_pages_over_one_connection(serve: Serve) -> None:
    """A connection is kept; HEAD has the head of GET and no body."""
    client = await (await serve()).connect()
    assert (await client.ask(GET))[::2] == (200, b"hello /\n")
    status, head, _ = await client.ask(GET.replace(b"GET", b"HEAD"), head_only=True)
    assert status == 200
    assert "Content-Length: 8\r\n" in head
    assert (await client.ask(GET))[::2] == (200, b"hello /\n")


async def test_requests_in_one_packet(serve: Serve) -> None:
    """Requests that arrive together are answered in order, however they are cut."""
    client = await (await serve()).connect()
    client.writer.write(GET + GET.replace(b"GET /", b"GET /2"))
    assert (await client.ask(b""))[2] == b"hello /\n"
    assert (await client.ask(b""))[2] == b"hello /2\n"
    for byte in GET[:-1]:
        client.writer.write(bytes([byte]))
        await client.writer.drain()
    assert (await client.ask(GET[-1:]))[2] == b"hello /\n"


async def test_close(serve: Serve) -> None:
    """The connection is closed after the answer where the client asks for that."""
    client = await (await serve()).connect()
    assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n"))[0] == 200
    assert await client.closed()


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"BREW"])
async def test_other_methods(serve: Serve, method: bytes) -> None:
    """405, with what is allowed; the answer arrives though the request's body is never read."""
    client = await (await serve()).connect()
    request = method + b" / HTTP/1.1\r\nHost: n\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999
    status, head, _ = await client.ask(request)
    assert status == 405
    assert "Allow: GET, HEAD\r\n" in head
    client.writer.write_eof()
    assert await client.closed()


async def test_malformed(serve: Serve) -> None:
    """400 in words, and the connection is closed; the server goes on."""
    served = await serve()
    client = await served.connect()
    status, _, body = await client.ask(b"\x16\x03\x01 is TLS\r\n\r\n")
    assert (status, body) == (400, b"not a request line of HTTP/1.1\n")
    client.writer.write_eof()
    assert await client.closed()
    assert (await (await served.connect()).ask(GET))[0] == 200


async def test_head_too_large(serve: Serve) -> None:
    """431, and the memory that one client can take is bounded."""
    client = await (await serve()).connect()
    request = b"GET / HTTP/1.1\r\nX: " + b"x" * 4 * HEAD_BYTES
    status, _, body = await client.ask(request)
    assert status == 431
    assert str(HEAD_BYTES).encode() in body


async def test_a_page_that_fails(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """500 in words, the reason in the log, and the connection lives on."""
    client = await (await serve()).connect()
    with caplog.at_level(logging.ERROR):
        status, _, _ = await client.ask(GET.replace(b"GET /", b"GET /broken"))
    assert status == 500
    assert "ZeroDivisionError" in caplog.text
    assert (await client.ask(GET))[0] == 200


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2]])
async def test_a_silent_client_is_dropped(serve: Serve, sent: bytes) -> None:
    """Who does not send a whole head in time is dropped without an answer, and counted."""
    served = await serve(header_timeout=AT_ONCE)
    client = await served.connect()
    client.writer.write(sent)
    assert await client.closed()
    assert served.statistics.dropped["silent"] == 1


async def test_silence_after_an_answer(serve: Serve) -> None:
    """A kept connection that falls silent is closed, and counted as nobody's fault."""

    async def last(request: Request) -> Response:
        served.server._header_timeout = AT_ONCE
        return await hello(request)

    served = await serve(last)
    client = await served.connect()
    assert (await client.ask(GET))[0] == 200
    assert await client.closed()
    assert served.statistics.dropped["silent"] == 0


async def test_the_cap(serve: Serve) -> None:
    """One connection more is told 503 and closed; when one ends, the next is served."""
    served = await serve(connections=2)
    first, second = await served.connect(), await served.connect()
    assert (await first.ask(GET))[0] == 200
    assert (await second.ask(GET))[0] == 200
    third = await served.connect()
    status, _, body = await third.ask(GET)
    assert status == 503
    assert b"serve.metrics_max_connections" in body
    third.writer.write_eof()
    assert await third.closed()
    assert served.statistics.connections == 2
    assert served.statistics.dropped["limit"] == 1

    await first.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert await first.closed()
    assert (await (await served.connect()).ask(GET))[0] == 200


async def test_a_flood(serve: Serve) -> None:
    """Beyond as many refusals again, connections are cut: open ones stay bounded."""
    served = await serve(connections=1)
    clients = [await served.connect() for _ in range(3)]
    assert (await clients[0].ask(GET))[0] == 200
    assert (await clients[1].ask(b""))[0] == 503
    assert await clients[2].closed()
    assert served.statistics.dropped["limit"] == 2


async def test_a_client_that_does_not_read(serve: Serve) -> None:
    """Who does not take the answer in time is dropped, and counted."""

    async def large(_: Request) -> Response:
        return Response(body=[bytes(1 << 20)] * 32)

    served = await serve(large, take_timeout=AT_ONCE)
    with socket.create_connection(("127.0.0.1", served.port)) as deaf:
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(deaf, GET)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while got := await asyncio.get_running_loop().sock_recv(deaf, 1 << 20):
                received += len(got)
    assert received < 32 << 20
    assert served.statistics.dropped["slow"] == 1


async def test_stop(serve: Serve) -> None:
    """After stop nobody listens and no connection is left, wherever it stood."""
    waiting = asyncio.Event()

    async def never(_: Request) -> Response:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    served = await serve(never)
    silent, asking = await served.connect(), await served.connect()
    asking.writer.write(GET)
    await waiting.wait()
    await served.server.stop()
    assert await silent.closed()
    assert await asking.closed()
    assert served.statistics.connections == 0
    with pytest.raises(ConnectionRefusedError):
        await served.connect()


async def test_a_client_that_leaves(serve: Serve) -> None:
    """Clients that leave at any point leave nothing behind."""
    served = await serve(connections=8)
    for request in (b"", b"GET /", GET, GET + GET):
        client = await served.connect()
        client.writer.write(request)
        client.writer.close()
        await client.writer.wait_closed()
    last = await served.connect()
    await last.ask(b"GET / HTTP/1.0\r\n\r\n")  # who came before is accepted by now
    assert await last.closed()
    await asyncio.gather(*served.server._served)  # all end by themselves, and none raises
    assert served.statistics.connections == 0
    assert not any(served.statistics.dropped.values())
