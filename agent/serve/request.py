"""The head of an HTTP/1.x request, and the head of our answer. Pure.

    GET /metrics HTTP/1.1\\r\\n
    Host: 127.0.0.1:9754\\r\\n
    Accept-Encoding: gzip\\r\\n
    \\r\\n

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from msgspec import Struct, field

_NEVER_IN_A_VALUE = frozenset("\r\n\0")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE = re.compile(r"([!-~]{1,32}) ([!-~]+) HTTP/([0-9])\.([0-9])")


class RequestError(Exception):
    """A request that gets no answer but this status and these words."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Request(Struct, frozen=True, kw_only=True):
    """One request; `headers` by lower-case name, repeated ones joined by commas."""

    method: str
    path: str  # without the query
    headers: Mapping[str, str] = field(default_factory=dict)
    has_body: bool = False
    keep_alive: bool = False  # the client wants the connection kept, and there is no body


class Response(Struct, frozen=True, kw_only=True):
    """One answer; the body in pieces, which are never joined into one."""

    status: HTTPStatus = HTTPStatus.OK
    body: Sequence[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def words(cls, status: HTTPStatus, text: str, **headers: str) -> Response:
        """An answer for people: plain text."""
        content_type = {"Content-Type": "text/plain; charset=utf-8"}
        return cls(status=status, body=(text.encode(),), headers={**content_type, **headers})

    def head(self, *, keep_alive: bool) -> bytes:
        """Status line and headers, up to the empty line."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Length: {sum(map(len, self.body))}",
            f"Connection: {'keep-alive' if keep_alive else 'close'}",
            "X-Content-Type-Options: nosniff",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def parse_request(head: bytes) -> Request:
    """Parse a head with its closing empty line; raises RequestError on what is not HTTP/1.x."""
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "not a request line of HTTP/1.1")
    method, target, major, minor = line.groups()
    if major != "1":
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this speaks HTTP/1.1 only")
    if not target.startswith("/"):
        raise RequestError(HTTPStatus.BAD_REQUEST, "ask for a path: this is no proxy")
    headers = _headers(rest)
    if minor != "0" and "host" not in headers:
        raise RequestError(HTTPStatus.BAD_REQUEST, "HTTP/1.1 wants a Host header")
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    wanted = "close" not in options if minor != "0" else "keep-alive" in options
    body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    return Request(
        method=method,
        path=target.partition("?")[0],
        headers=headers,
        has_body=body,
        keep_alive=wanted and not body,
    )


def _headers(lines: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or _TOKEN.fullmatch(name) is None or not _NEVER_IN_A_VALUE.isdisjoint(value):
            raise RequestError(HTTPStatus.BAD_REQUEST, "not a header of HTTP/1.1")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
