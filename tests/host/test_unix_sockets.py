"""agent.host.unix_connect, agent.host.unix_diag and agent.observe.runtime on sockets of our own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.runtime_process import RuntimeProcesses
from agent.host.runtime_socket import RuntimeSocket
from agent.host.tasks import TaskReader
from agent.host.unix_connect import listener_pid
from agent.host.unix_diag import dump_unix_sockets
from agent.model.absence import Absence
from agent.model.runtime import SocketQueues
from agent.observe.runtime import RuntimeSight
from agent.parse.unix_diag import TCP_ESTABLISHED, TCP_LISTEN
from tests.host.this_host import HOST, missing

BACKLOG = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Short enough for an address."""
    return tmp_path / "x.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[socket.socket]:
    """One that accepts nothing by itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(str(path))
        made.listen(BACKLOG)
        yield made


@pytest.fixture
def sight(path: Path) -> RuntimeSight:
    try:
        dump_unix_sockets(TCP_LISTEN)
    except SourceAbsent as error:
        missing(str(error))
    return RuntimeSight(
        RuntimeSocket(path, ()), RuntimeProcesses(HOST, ProcReader(HOST)), TaskReader(HOST)
    )


def test_connect(path: Path, listener: socket.socket) -> None:
    """The kernel answers for who listens, and names him; then its backlog is full."""
    assert listener_pid(path) == os.getpid()
    for _ in range(BACKLOG):
        listener_pid(path)
    with pytest.raises(SourceAbsent, match="its backlog is full") as error:
        listener_pid(path)
    assert error.value.absent.absence is Absence.FAILED


def test_nobody(path: Path) -> None:
    """No file; a file that nobody listens on; a path that is no address."""
    with pytest.raises(SourceAbsent) as error:
        listener_pid(path)
    assert error.value.absent.absence is Absence.VANISHED
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with pytest.raises(SourceAbsent, match="nobody listens"):
        listener_pid(path)
    with pytest.raises(SourceAbsent):
        listener_pid(Path("/" + "x" * 200))


def test_queues(path: Path, listener: socket.socket, sight: RuntimeSight) -> None:
    """What is not accepted, what is, and what is not read; also when the file is gone."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as second,
    ):
        first.connect(str(path))
        served, _ = listener.accept()
        with served:
            first.sendall(b"hello")
            second.connect(str(path))
            wanted = SocketQueues(
                pending=1, backlog=BACKLOG, connections=1, unread_connections=1, unread_bytes=5
            )
            assert sight.look((), list_processes=False, threads=False).queues == wanted
            path.unlink()
            seen = sight.look((), list_processes=False, threads=False)
            assert (seen.queues, seen.file) == (wanted, None)
            assert "No such file" in seen.file_absent
            assert served.recv(5) == b"hello"
            seen = sight.look((), list_processes=False, threads=False)
            assert seen.queues is not None
            assert (seen.queues.connections, seen.queues.unread_connections) == (1, 0)
    listener.close()
    seen = sight.look((), list_processes=False, threads=False)
    assert (seen.queues, "no socket listens" in seen.queues_absent) == (None, True)


def test_another_name(path: Path, listener: socket.socket, tmp_path: Path) -> None:
    """A socket that was bound under another name of the same file."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    processes = RuntimeProcesses(HOST, ProcReader(HOST))
    sight = RuntimeSight(RuntimeSocket(link / "x.sock", ()), processes, TaskReader(HOST))
    seen = sight.look((), list_processes=False, threads=False)
    assert seen.queues is not None
    assert seen.queues.backlog == BACKLOG


def test_process(sight: RuntimeSight, listener: socket.socket) -> None:
    """Who listens, as its stat has it; one that is gone is nobody."""
    seen = sight.look((2**22 + 1, os.getpid()), list_processes=True, threads=True)
    assert seen.process is not None
    assert seen.process.key.pid == os.getpid()
    assert seen.process.state in "RS"
    assert seen.process.threads >= 1
    assert seen.process.resident_bytes > 1 << 20
    assert seen.process.blocked == ()
    assert seen.shims is not None
    assert sight.look((1,), list_processes=False, threads=False).process is None
    assert sight.look((None, 2**22 + 1), list_processes=False, threads=False).process is None


def test_states_are_filtered() -> None:
    """The kernel sends what was asked for alone."""
    try:
        assert {s.state for s in dump_unix_sockets(TCP_ESTABLISHED)} <= {TCP_ESTABLISHED}
    except SourceAbsent as error:
        missing(str(error))
