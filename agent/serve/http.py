"""A small HTTP/1.1 server for a few plain pages, on asyncio, that a hostile client cannot hold up.

Connections are capped: one more is told 503 and closed. Whoever does not send the head of a request
in time, or does not take the answer in time, is dropped. Bodies of requests are never read. With
TLS, who has not finished its handshake counts apart (agent.serve.handshakes).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from agent.serve.exposition import blocks
from agent.serve.handshakes import Handshakes
from agent.serve.request import Request, RequestError, Response, parse_request
from agent.serve.statistics import HttpStatistics

log = logging.getLogger(__name__)

HEAD_BYTES = 16 * 1024
_TAKE_SECONDS = 30.0  # for the whole answer
_LINGER_SECONDS = 1.0
# A connection is made anew each hour, so that certificates that were replaced or have ended count.
_AGE_SECONDS = 3600.0
_END = b"\r\n\r\n"

Respond = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Answers GET and HEAD with what `respond` returns; with TLS if `contexts` is given, which is
    asked for each connection's.

    Between `start` and `stop` it owns its listening socket and a task per connection.
    """

    def __init__(
        self,
        respond: Respond,
        *,
        statistics: HttpStatistics,
        max_connections: int,
        header_timeout: float,
        take_timeout: float = _TAKE_SECONDS,
        contexts: Callable[[], ssl.SSLContext | None] | None = None,
    ) -> None:
        self._respond = respond
        self._statistics = statistics
        self._max_connections = max_connections
        self._header_timeout = header_timeout
        self._take_timeout = take_timeout
        self._served: set[asyncio.Task[None]] = set()
        self._refused: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._handshakes: Handshakes | None = None
        if contexts is not None:
            self._handshakes = Handshakes(
                contexts,
                self._accept,
                statistics.dropped,
                most=max_connections,
                timeout=header_timeout,
                limit=HEAD_BYTES,
            )

    async def start(self, listener: socket.socket) -> None:
        """Accept on `listener`, which is bound and listening; the server closes it."""
        if self._handshakes is not None:
            self._handshakes.start(listener)
            return
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_BYTES)

    async def stop(self) -> None:
        """Close the listener and every connection; returns when all of them are gone."""
        if self._handshakes is not None:
            await self._handshakes.stop()
        if self._server is not None:
            self._server.close()
        tasks = self._served | self._refused
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # With no buffer of its own, a transport that is drained can be closed at once. That of TLS
        # takes 0 for "never write", and the socket's below it keeps its 64 KiB.
        encrypted = writer.get_extra_info("sslcontext") is not None
        writer.transport.set_write_buffer_limits(high=int(encrypted))
        if len(self._served) < self._max_connections:
            self._keep(self._served, writer, self._serve(reader, writer))
            return
        self._statistics.dropped["limit"] += 1
        if len(self._refused) < self._max_connections:
            self._keep(self._refused, writer, self._refuse(reader, writer))
        else:
            writer.transport.abort()

    def _keep(
        self,
        tasks: set[asyncio.Task[None]],
        writer: asyncio.StreamWriter,
        conversation: Coroutine[Any, Any, None],
    ) -> None:
        def done(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            self._statistics.connections = len(self._served)
            writer.close()
            if task.cancelled():
                writer.transport.abort()

        task = asyncio.get_running_loop().create_task(conversation)
        tasks.add(task)
        self._statistics.connections = len(self._served)
        task.add_done_callback(done)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = True
        until = asyncio.get_running_loop().time() + _AGE_SECONDS
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # the client has left
            while True:
                try:
                    async with asyncio.timeout(self._header_timeout):
                        head = await reader.readuntil(_END)
                except TimeoutError:
                    # A kept connection that falls silent has done nothing wrong.
                    self._statistics.dropped["silent"] += first
                    return
                except asyncio.LimitOverrunError:
                    await self._turn_away(reader, writer, _TOO_LARGE)
                    return
                if not await self._exchange(head, reader, writer, until):
                    return
                first = False

    async def _exchange(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        until: float,
    ) -> bool:
        """Answer one request; whether the connection is kept."""
        try:
            request = parse_request(head)
        except RequestError as error:
            await self._turn_away(reader, writer, Response.words(error.status, f"{error.words}\n"))
            return False
        response = await self._answer(request)
        keep_alive = request.keep_alive and asyncio.get_running_loop().time() < until
        await self._send(writer, response, keep_alive, request.method != "HEAD")
        if request.has_body:
            await _linger(reader, writer)
        return keep_alive

    async def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            words = "this endpoint is read-only: use GET\n"
            return Response.words(HTTPStatus.METHOD_NOT_ALLOWED, words, Allow="GET, HEAD")
        try:
            return await self._respond(request)
        except Exception:  # a page that fails costs one answer, not the endpoint
            log.exception("no answer to %s %s", request.method, request.path)
            words = "the agent failed to write this page; its log says why\n"
            return Response.words(HTTPStatus.INTERNAL_SERVER_ERROR, words)

    async def _send(
        self, writer: asyncio.StreamWriter, response: Response, keep_alive: bool, with_body: bool
    ) -> None:
        body = response.body if with_body else ()
        try:
            async with asyncio.timeout(self._take_timeout):
                for block in blocks((response.head(keep_alive=keep_alive), *body)):
                    writer.write(block)
                    await writer.drain()
        except TimeoutError:
            self._statistics.dropped["slow"] += 1
            writer.transport.abort()
            raise

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await self._turn_away(reader, writer, _TOO_MANY)

    async def _turn_away(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: Response
    ) -> None:
        await self._send(writer, response, keep_alive=False, with_body=True)
        await _linger(reader, writer)


_TOO_LARGE = Response.words(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the head of a request may have {HEAD_BYTES} bytes\n",
)
_TOO_MANY = Response.words(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too many connections: close one, or raise serve.metrics_max_connections\n",
)


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give the client a moment to read the answer: a close with input unread would destroy it."""
    if writer.can_write_eof():  # TLS can only close
        writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while await reader.read(HEAD_BYTES):
                pass
