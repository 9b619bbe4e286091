"""TLS handshakes on asyncio that hold nobody up.

asyncio's own server counts no connection before its handshake, and keeps one context for ever. So
connections are accepted here: each handshake gets the context of its moment and has a deadline, and
while too many are under way the oldest makes way for the newest: one who means it needs some
milliseconds, so silent clients, however many, lose their place to it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, MutableMapping

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.2  # no descriptor is left: some other connection has to end first
_SHUTDOWN_SECONDS = 5.0
_REMEMBERED = 32

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Handshakes:
    """Owns the listener and whoever shakes hands, from `start` to `stop`. `accept` gets the others.

    `context` is asked at each connection; while it has none, connections are closed. `dropped` is
    the count of those who got no further: "silent", "handshake" (it failed), "limit".
    """

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext | None],
        accept: Accept,
        dropped: MutableMapping[str, int],
        *,
        most: int,
        timeout: float,
        limit: int,
    ) -> None:
        self._context = context
        self._accept = accept
        self._dropped = dropped
        self._most = most
        self._timeout = timeout
        self._limit = limit
        self._shaking: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._told: set[str] = set()
        self._listener: socket.socket | None = None
        self._run: asyncio.Task[None] | None = None

    def start(self, listener: socket.socket) -> None:
        """Accept on `listener`, which is bound and listening."""
        listener.setblocking(False)
        self._listener = listener
        self._run = asyncio.get_running_loop().create_task(self._accept_all(listener))

    async def stop(self) -> None:
        """Close the listener, and hang up on those who shake hands."""
        await asyncio.sleep(0)  # a handshake that has not begun would leave its connection open
        tasks = [*self._shaking, *([] if self._run is None else [self._run])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept_all(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                self._tell_once(f"no connection to /metrics can be accepted: {error.strerror}")
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self._begin(connection)
            await asyncio.sleep(0)  # accepting alone would not let the others run

    def _begin(self, connection: socket.socket) -> None:
        context = self._context()
        if context is None:
            self._dropped["handshake"] += 1
            connection.close()
            return
        if len(self._shaking) >= self._most:
            oldest = next(iter(self._shaking))
            del self._shaking[oldest]
            oldest.cancel()
            self._dropped["limit"] += 1
        task = asyncio.get_running_loop().create_task(self._shake(connection, context))
        self._shaking[task] = None
        task.add_done_callback(lambda done: self._shaking.pop(done, None))

    async def _shake(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = asyncio.StreamReader(limit=self._limit)
            return asyncio.StreamReaderProtocol(reader, self._accept)

        try:
            async with asyncio.timeout(self._timeout):
                await loop.connect_accepted_socket(
                    protocol,
                    connection,
                    ssl=context,
                    ssl_handshake_timeout=2 * self._timeout,  # ours is the one that counts
                    ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
                )
        except TimeoutError:
            self._dropped["silent"] += 1
        except OSError as error:
            self._dropped["handshake"] += 1
            if isinstance(error, ssl.SSLError):
                reason = (error.reason or str(error)).lower().replace("_", " ")
                self._tell_once(f"a client of /metrics failed to shake hands: {reason}")

    def _tell_once(self, said: str) -> None:
        if said not in self._told and len(self._told) < _REMEMBERED:
            self._told.add(said)
            log.warning("%s", said)
