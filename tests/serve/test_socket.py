"""The listening sockets: who may connect, and which errors name which key."""

from __future__ import annotations

import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agent.config import Address
from agent.serve.socket import ServeError, listen, place_for_socket

NOBODYS = "no-such-group-of-nodewitness"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def bound(path: Path, *, listening: bool = True) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(os.fspath(path))
        if listening:
            server.listen(0)
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "agent.sock"


def test_directory_and_socket(path: Path) -> None:
    """The directory is 0750 and the socket 0660; while it is bound, it is open to nobody else."""
    umask = os.umask(0)
    try:
        with place_for_socket(path, NOBODYS), bound(path):
            assert mode(path) == 0o700
        assert os.umask(0) == 0
    finally:
        os.umask(umask)
    assert mode(path.parent) == 0o750
    assert mode(path) == 0o660


@root_only
def test_group(path: Path) -> None:
    """Directory and socket belong to the group, where the host has it."""
    group = next(entry for entry in grp.getgrall() if entry.gr_gid != os.getegid())
    with place_for_socket(path, group.gr_name), bound(path):
        pass
    assert path.stat().st_gid == path.parent.stat().st_gid == group.gr_gid


def test_a_directory_made_by_others(path: Path) -> None:
    """One that is there for the socket alone is tightened; one with other things in it is left."""
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    with place_for_socket(path, NOBODYS), bound(path):
        pass
    assert mode(path.parent) == 0o750

    path.parent.chmod(0o755)
    (path.parent / "another.sock").touch()
    with place_for_socket(path, NOBODYS), bound(path):
        pass
    assert mode(path.parent) == 0o755
    assert mode(path) == 0o660


def test_a_dead_agent(path: Path) -> None:
    """The socket that a dead agent left is removed."""
    path.parent.mkdir()
    with bound(path):
        pass
    assert path.exists()
    with place_for_socket(path, NOBODYS):
        assert not path.exists()
        with bound(path):
            pass


def test_a_live_agent(path: Path) -> None:
    """A live one keeps its socket, even if it accepts no more and its backlog is full."""
    path.parent.mkdir()
    with ExitStack() as stack:
        stack.enter_context(bound(path))
        for _ in range(3):
            with (
                pytest.raises(ServeError, match=r"another agent .* serve\.socket"),
                place_for_socket(path, NOBODYS),
            ):
                raise AssertionError
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.setblocking(False)
            client.connect_ex(os.fspath(path))
    assert stat.S_ISSOCK(path.lstat().st_mode)


def test_not_a_socket(path: Path) -> None:
    """Nothing is removed that is no socket, not even through a link."""
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ServeError, match="is no socket"), place_for_socket(path, NOBODYS):
        raise AssertionError
    assert path.read_text() == "precious"


def test_no_place(tmp_path: Path) -> None:
    """A path that cannot be is an error that names the key."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(ServeError, match=r"Not a directory; change serve\.socket"),
        place_for_socket(tmp_path / "file" / "agent.sock", NOBODYS),
    ):
        raise AssertionError


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listen(host: str) -> None:
    """Both families; localhost is loopback without a resolver."""
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this host has no IPv6")
    with listen(Address(host, 0)) as listener:
        assert listener.getsockname()[0] == {"localhost": "127.0.0.1"}.get(host, host)
        with socket.create_connection(listener.getsockname()[:2]):
            pass


def test_all_addresses() -> None:
    """[::] takes IPv4 as well."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this host has no IPv6")
    with listen(Address("::", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_all_addresses_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the kernel was booted with ipv6.disable=1."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listen(Address("::", 0)) as listener:
        assert listener.family is socket.AF_INET
        assert listener.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use() -> None:
    """Says so, and which key to change."""
    with listen(Address("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServeError) as refused:
            listen(Address("127.0.0.1", port))
    assert f"127.0.0.1:{port}" in str(refused.value)
    assert "another process listens there; change serve.metrics_address" in str(refused.value)


def test_an_address_of_another_host() -> None:
    """Says so, too."""
    with pytest.raises(ServeError, match="this host does not have that address"):
        listen(Address("203.0.113.1", 0))
