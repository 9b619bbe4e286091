"""Who may ask over TCP: the names in the client's certificate against serve.tls_clients.

TLS has shown that a CA of serve.tls_client_ca has signed the certificate; this is about whose it
is. Every method is guarded, health and reflection too.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from inspect import isasyncgen
from typing import Any

import grpc
from grpc import aio

from agent.serve.exposition import visible
from agent.serve.statistics import TlsStatistics

log = logging.getLogger(__name__)

_REMEMBERED = 256
# The properties of a verified peer, in gRPC's words.
_PROPERTIES = (("DNS", "peer_dns"), ("URI", "peer_uri"), ("CN", "x509_common_name"))

Names = tuple[tuple[str, str], ...]


def names_of(context: Mapping[str, list[bytes]]) -> Names:
    """(kind, name) of each name in the certificate: DNS and URI of the SAN, and the CN."""
    return tuple(
        (kind, raw.decode("utf-8", "backslashreplace"))
        for kind, name in _PROPERTIES
        for raw in context.get(name, ())
    )


class Allowed:
    """The patterns of serve.tls_clients. None at all allow everyone."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._anyone = not patterns
        self._patterns = [_expression(pattern) for pattern in patterns]

    def admits(self, names: Names) -> bool:
        """Whether one of the names matches one of the patterns as a whole; of DNS in any case."""
        return self._anyone or any(
            re.fullmatch(pattern, name, re.IGNORECASE if kind == "DNS" else 0)
            for pattern in self._patterns
            for kind, name in names
        )


def _expression(pattern: str) -> str:
    """`*` stands for anything within a part: no dot of a DNS name, no slash of a URI."""
    return "[^./]*".join(map(re.escape, pattern.split("*")))


class Admission(aio.ServerInterceptor):
    """Refuses calls with PERMISSION_DENIED, and says which names were seen."""

    def __init__(self, allowed: Allowed, statistics: TlsStatistics) -> None:
        self._allowed = allowed
        self._statistics = statistics
        self._told: set[str] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Guard the handler of the method, if there is one."""
        handler = await continuation(details)
        if handler is None:
            return None
        # Unary or streaming, a handler is called alike and answers through the context alike.
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            behaviour = getattr(handler, kind)
            if behaviour is not None:
                return handler._replace(**{kind: self._guarded(behaviour)})
        return handler

    def _guarded(
        self, behaviour: Callable[[Any, Any], Any]
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def guarded(request: Any, context: Any) -> Any:
            await self._check(context)
            answer = behaviour(request, context)
            if not isasyncgen(answer):
                return await answer
            async with contextlib.aclosing(answer):
                async for message in answer:
                    await context.write(message)
            return None

        return guarded

    async def _check(self, context: Any) -> None:
        names = names_of(context.auth_context())
        if self._allowed.admits(names):
            return
        self._statistics.refused += 1
        seen = ", ".join(f"{kind} {visible(name)}" for kind, name in names) or "no name"
        if seen not in self._told and len(self._told) < _REMEMBERED:
            self._told.add(seen)
            log.warning("a client is not in serve.tls_clients; its certificate has %s", seen)
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED,
            f"this agent's serve.tls_clients has none of the names of your certificate: {seen}",
        )
