"""agent.host.api_server, over TLS on this machine's loopback."""

from __future__ import annotations

import contextlib
import itertools
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from agent.host import api_server
from agent.host.absence import SourceAbsent
from agent.host.api_server import Door, NodeReader, in_cluster
from agent.model.absence import Absence
from agent.model.kubelet import NodeStatus
from tests.certificates import Authority

NODE, LEASE = "/api/v1/nodes/node-1", api_server.LEASE.format("node-1")
READY = {"type": "Ready", "status": "True"}
OBJECT = {"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [READY]}}
RENEWED = {"kind": "Lease", "spec": {"renewTime": "2026-11-28T10:00:00Z"}}
FORBIDDEN = {"kind": "Status", "message": 'nodes "node-1" is forbidden'}


class Server(ThreadingHTTPServer):
    """Answers as it is told, and remembers who asked for what."""

    daemon_threads = True

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        pair = authority.issue("kubernetes", to="server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.answers: dict[str, tuple[int, bytes]] = {
            NODE: (200, json.dumps(OBJECT).encode()),
            LEASE: (200, json.dumps(RENEWED).encode()),
        }
        self.asked: list[tuple[str, str | None, bool]] = []
        self.trickles = ""  # where, if it does

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not take the certificate hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        path, _, query = self.path.partition("?")
        assert query == "resourceVersion=0"
        known = bool(self.connection.getpeercert())
        self.server.asked.append((path, self.headers["Authorization"], known))
        if self.server.trickles:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n")
            self.wfile.write(b"X: " if self.server.trickles == "in a header" else b"\r\n")
            with contextlib.suppress(OSError):  # the client has hung up
                for _ in range(1000):
                    self.wfile.write(b"x")
            self.close_connection = True
            return
        status, data = self.server.answers.get(path, (404, b"{}"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nowhere."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with Server(authority) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def door(server: Server, authority: Authority, tmp_path: Path) -> Door:
    (tmp_path / "token").write_text("one\n")
    return Door(
        host="127.0.0.1",
        port=server.server_address[1],
        server_name="kubernetes",
        ca=authority.file,
        token=tmp_path / "token",
        client_certificate=None,
        timeout_seconds=30.0,
    )


def absent(door: Door, name: str = "node-1") -> tuple[Absence, str]:
    with pytest.raises(SourceAbsent) as caught:
        NodeReader(door, name).read()
    return caught.value.absent.absence, caught.value.absent.detail


def test_both(server: Server, door: Door) -> None:
    """The node and its lease, with the token as it is in the file then."""
    node, lease, problem = NodeReader(door, "node-1").read()
    assert [(c.type, c.status) for c in node.conditions] == [("Ready", NodeStatus.TRUE)]
    assert lease is not None
    assert lease.renewed_wall_ns == 1_795_860_000 * 10**9
    assert problem == ""
    door.token.write_text("two")
    NodeReader(door, "node-1").read()
    assert server.asked[::2] == [(NODE, "Bearer one", False), (NODE, "Bearer two", False)]
    assert server.asked[1][0] == LEASE


def test_a_certificate_in_place_of_the_token(
    server: Server, door: Door, authority: Authority, tmp_path: Path
) -> None:
    """As the kubelet's own file has it: certificate and key in one."""
    pair = authority.issue(cn="system:node:node-1", to="client")
    both = tmp_path / "both.pem"
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    NodeReader(replace(door, client_certificate=both, token=tmp_path / "none"), "node-1").read()
    assert server.asked[0] == (NODE, None, True)


def test_forbidden(server: Server, door: Door) -> None:
    """It is said what to grant; without the lease alone the node is known all the same."""
    server.answers[LEASE] = (403, b'{"kind": "Status", "message": "leases is forbidden"}')
    node, lease, problem = NodeReader(door, "node-1").read()
    assert (node.name, lease, problem) == ("node-1", None, "403: leases is forbidden")
    server.answers[LEASE] = (200, b"nonsense")
    assert "a Lease in JSON" in NodeReader(door, "node-1").read()[2]
    server.answers[NODE] = (403, json.dumps(FORBIDDEN).encode())
    absence, words = absent(door)
    assert absence is Absence.DENIED
    assert 'answers 403: nodes "node-1" is forbidden; apply deploy/daemonset/components/' in words
    assert "`get` on nodes" in words


@pytest.mark.parametrize(
    ("status", "data", "absence", "words"),
    [
        (401, b'{"kind": "Status", "message": "Unauthorized"}', Absence.DENIED, "of this cluster?"),
        (404, b'{"kind": "Status", "message": "not found"}', Absence.FAILED, "set node.name"),
        (503, b"overloaded", Absence.FAILED, "answers 503: overloaded"),
        (302, b"", Absence.FAILED, "answers 302"),
        (200, b"<html>", Absence.FAILED, "answers nonsense: expected a Node"),
    ],
)
def test_refused(
    server: Server, door: Door, status: int, data: bytes, absence: Absence, words: str
) -> None:
    """Each with what it is, and what to do if something can be done."""
    server.answers[NODE] = (status, data)
    found, said = absent(door)
    assert (found, words in said) == (absence, True), said


def test_too_long(server: Server, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is taken whole, whatever its size."""
    monkeypatch.setattr(api_server, "MAX_BYTES", 50)
    assert "more than 50 bytes" in absent(door)[1]


def test_nobody(server: Server, door: Door) -> None:
    """It is down."""
    server.shutdown()
    server.server_close()
    assert "nobody listens" in absent(door)[1]


@pytest.mark.parametrize("where", ["in a header", "in the body"])
def test_trickles(server: Server, door: Door, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A byte now and then is no answer: the deadline is for all of them. Its clock goes on by a
    second each time that somebody looks at it.
    """
    clock = itertools.count()
    monkeypatch.setattr(api_server, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    assert NodeReader(door, "node-1").read()[0].name == "node-1"
    server.trickles = where
    assert "no answer within api_server.deadline" in absent(door)[1]
    assert next(clock) > door.timeout_seconds


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "a..b"},
        {"host": "\u00e4" * 70},
        {"host": "a b"},
        {"server_name": "." + "a" * 70},
        {"server_name": "a" * 70 + ".example"},
    ],
    ids=str,
)
def test_no_address(door: Door, changed: dict[str, Any]) -> None:
    """What can be no name is not asked for, and is no bug of ours."""
    assert absent(replace(door, **changed))[0] is Absence.FAILED


def test_another_ca(door: Door, tmp_path: Path) -> None:
    """Nobody is believed for his address alone, nor under another name."""
    other = Authority(tmp_path / "other", "another CA")
    assert "its certificate is not taken" in absent(replace(door, ca=other.file))[1]
    assert "its certificate is not taken" in absent(replace(door, server_name="example"))[1]


def test_files(door: Door, tmp_path: Path) -> None:
    """What is missing or broken is named."""
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for key in ("ca", "token", "client_certificate"):
        for path in (tmp_path / "none", empty):
            made: dict[str, Any] = {key: path}
            _, words = absent(replace(door, **made))
            assert str(path) in words, (key, words)


def test_name_is_no_path(server: Server, door: Door) -> None:
    """Whatever the host calls itself."""
    assert "set node.name" in absent(door, "../../x?y")[1]
    assert server.asked[-1][0] == "/api/v1/nodes/..%2F..%2Fx%3Fy"


def test_in_cluster() -> None:
    """As every pod is told."""
    told = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster(told) == ("10.96.0.1", 443)
    for broken in ({}, told | {"KUBERNETES_SERVICE_PORT": "x"}):
        with pytest.raises(SourceAbsent, match=r"set api_server\.endpoint"):
            in_cluster(broken)
