"""The head of a request."""

from __future__ import annotations

import contextlib
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.serve.request import RequestError, Response, parse_request


def test_a_scrape() -> None:
    """What Prometheus sends: the query is cut off, header names are lower-case."""
    request = parse_request(
        b"GET /metrics?x=1 HTTP/1.1\r\nHost: n:9754\r\nAccept: text/plain\r\naccept:*/*\r\n\r\n"
    )
    assert (request.method, request.path) == ("GET", "/metrics")
    assert request.headers == {"host": "n:9754", "accept": "text/plain,*/*"}
    assert request.keep_alive


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: n\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: n\r\nConnection: Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length: 5\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: n\r\nContent-Length: 0\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ],
)
def test_keep_alive(head: bytes, kept: bool) -> None:
    """Kept where both versions' rules say so, and never with a body, which is not read."""
    assert parse_request(head).keep_alive is kept


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET  / HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /a b HTTP/1.1\r\nHost: n\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET http://elsewhere/ HTTP/1.1\r\nHost: n\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: n\r\nno colon\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost : n\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: n\r\n folded: 1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: n\rm\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: n\x00\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"PRI * HTTP/2.0\r\n\r\n", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", HTTPStatus.BAD_REQUEST),
    ],
)
def test_malformed(head: bytes, status: HTTPStatus) -> None:
    """What is not HTTP/1.x is refused, in words."""
    with pytest.raises(RequestError) as refused:
        parse_request(head)
    assert refused.value.status is status
    assert refused.value.words


@given(head=st.binary(max_size=200))
def test_any_bytes(head: bytes) -> None:
    """No bytes raise anything but RequestError."""
    with contextlib.suppress(RequestError):
        assert parse_request(head + b"\r\n\r\n").path.startswith("/")


def test_response_head() -> None:
    """The length is that of all pieces; what the page adds stands after what every answer has."""
    response = Response(body=(b"ab", b"c"), headers={"Vary": "Accept"})
    assert response.head(keep_alive=True) == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
        b"X-Content-Type-Options: nosniff\r\nVary: Accept\r\n\r\n"
    )
    assert b"Connection: close\r\n" in response.head(keep_alive=False)
