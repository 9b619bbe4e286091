"""One GET of a metrics page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agent.drill.scrape import fetch


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/metrics?x=1"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"nodewitness_oom_drill_kills_total 3.0\n" if found else b"no")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_page(url: str) -> None:
    """Path and query are kept."""
    assert fetch(f"{url}/metrics?x=1") == b"nodewitness_oom_drill_kills_total 3.0\n"


def test_other_status(url: str) -> None:
    """What is not 200 is no page of metrics."""
    with pytest.raises(OSError, match="answered 404"):
        fetch(f"{url}/other")


@pytest.mark.parametrize("bad", ["127.0.0.1:9754", "ftp://x/", "http://", "http://x:notaport/"])
def test_bad_address(bad: str) -> None:
    """An address that is none is an OSError like any other, never a traceback."""
    with pytest.raises(OSError, match="not an http"):
        fetch(bad)


def test_not_http() -> None:
    """A peer that speaks something else, or closes at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"+OK POP3 ready\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OSError, match="does not speak HTTP"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/metrics")
        thread.join()


def test_refused() -> None:
    """Nobody there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/metrics")
