"""agent.observe.pulls, on a process that pulls as containerd does: this one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.callers import CallerFinder
from agent.host.cgroup_fs import CgroupFs
from agent.host.containerd_files import ContainerdFiles
from agent.host.namespaces import Namespaces
from agent.host.proc import ProcReader
from agent.host.tasks import TaskReader
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupMode
from agent.observe.connections import STATES, ConnectionSight
from agent.observe.pulls import PullSight
from agent.parse.inet_diag import TCP_ESTABLISHED, TCP_LISTEN, TcpSocket
from tests.host.this_host import HOST
from tests.serve.pulls_sample import INGEST

ME = os.getpid()
SERVED = 10010


def made(state: int, local: int, remote: int, unread: int = 0) -> TcpSocket:
    return TcpSocket(
        state=state,
        local=("10.0.0.4", local),
        remote=("10.0.9.4", remote),
        cookie=local,
        inode=local,
        send_queue=0,
        receive_queue=unread,
    )


class Connections:
    """What the kernel says of its sockets."""

    def __init__(self) -> None:
        self.told: tuple[TcpSocket, ...] | Exception = ()
        self.asked: list[tuple[int, ...]] = []

    def sockets(self, pid: int, cgroup: str, *, states: tuple[int, ...]) -> tuple[TcpSocket, ...]:
        assert pid == ME
        self.asked.append(states)
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def looking(connections: object) -> PullSight:
    files, proc, tasks = ContainerdFiles(HOST), ProcReader(HOST), TaskReader(HOST)
    return PullSight(files, cast(ConnectionSight, connections), proc, tasks)


@pytest.fixture
def connections() -> Connections:
    return Connections()


@pytest.fixture
def sight(connections: Connections) -> PullSight:
    return looking(connections)


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[None]:
    path = tmp_path / "io.containerd.content.v1.content/ingest" / INGEST
    path.mkdir(parents=True)
    with (path / "data").open("wb"):
        yield


def test_idle(sight: PullSight, connections: Connections) -> None:
    """While nothing is pulled, no more is asked for."""
    assert sight.look(ME).files.blobs == ()
    assert connections.asked == []


@pytest.mark.usefixtures("ingest")
def test_made(sight: PullSight, connections: Connections) -> None:
    """Connections that it has made, and not those that others have made to it."""
    connections.told = (
        made(TCP_LISTEN, SERVED, 0),
        made(TCP_ESTABLISHED, SERVED, 40112),
        made(TCP_ESTABLISHED, 40112, 443, unread=9),
    )
    seen = sight.look(ME)
    assert len(seen.files.blobs) == 1
    (registry,) = seen.connections
    assert (registry.remote, registry.unread_bytes) == ("10.0.9.4:443", 9)
    assert connections.asked == [(*STATES, TCP_LISTEN)]


@pytest.mark.usefixtures("ingest")
@pytest.mark.parametrize(
    "error", [SourceAbsent(Absence.UNSUPPORTED, "no inet_diag"), ParseError("inet_diag", b"")]
)
def test_unknown(sight: PullSight, connections: Connections, error: Exception) -> None:
    """A kernel that does not tell connections still tells the rest."""
    connections.told = error
    seen = sight.look(ME)
    assert len(seen.files.blobs) == 1
    assert (seen.connections, seen.connections_absent) == ((), str(error))


@pytest.mark.usefixtures("ingest")
def test_real() -> None:
    """By the kernel's own account: what it has made, with the bytes that it has not read."""
    fs = cast(CgroupFs, SimpleNamespace(mode=CgroupMode.V1))
    finder = CallerFinder(HOST, ProcReader(HOST), {})
    sight = looking(ConnectionSight(finder, Namespaces(HOST), fs, ME, ()))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listening.accept()[0] as us:
            us.sendall(b"abc")
            client.recv(1, socket.MSG_PEEK)  # all of it has come
            seen = sight.look(ME)
    ours = [each for each in seen.connections if str(port) in (each.local + each.remote)]
    assert [(each.remote, each.unread_bytes) for each in ours] == [(f"127.0.0.1:{port}", 3)]
