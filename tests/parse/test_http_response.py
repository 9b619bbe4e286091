"""agent.parse.http_response."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.http_response import parse_response

KUBELET = (  # of a kubelet 1.28: Go's net/http
    b"HTTP/1.0 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"X-Content-Type-Options: nosniff\r\nDate: Mon, 10 Feb 2025 11:00:00 GMT\r\n"
    b"Content-Length: 2\r\n\r\nok"
)


def test_response() -> None:
    assert parse_response(KUBELET) == (200, "ok")
    assert parse_response(b"HTTP/1.1 503\r\n\r\n a\n\n\x1bb \n") == (503, r" a; \x1bb ")
    assert parse_response(b"HTTP/1.0 204 No Content\r\n") == (204, "")


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/2 200\r\n", b"HTTP/1.0 20\r\n", b"HTTP/1.0 2x0 OK\r\n", b"HTTP/1.0"]
)
def test_no_response(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_response(data)
