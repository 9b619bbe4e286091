"""agent.host.netlink, and agent.host.namespaces, on the machine that runs the tests."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.netlink import Netlink
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.namespaces import NamespaceKind
from agent.parse.netlink import NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, message
from agent.parse.rtnetlink import (
    IFADDRMSG,
    IFINFOMSG,
    RTM_GETADDR,
    RTM_GETLINK,
    parse_interface_address,
    parse_link,
)
from tests.host.this_host import HOST

DONE = bytes(4)


def names(sock: Netlink) -> set[str]:
    return {link.name for link in sock.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0), parse_link)}


def test_dump() -> None:
    """The interfaces of our own namespace, as others see them, and their addresses."""
    with Netlink() as sock:
        assert names(sock) == {name for _, name in socket.if_nameindex()}
        body = IFADDRMSG.pack(0, 0, 0, 0, 0)
        sock.dump(RTM_GETADDR, body, parse_interface_address)
        cookie = sock.cookie()
    assert cookie is None or cookie > 0


def test_ask_for_what_is_not_there() -> None:
    with Netlink() as sock, pytest.raises(SourceAbsent) as error:
        sock.ask(RTM_GETLINK, IFINFOMSG.pack(0, 0, 1 << 30, 0, 0), parse_link)
    assert error.value.absent.absence is Absence.VANISHED


class Kernel:
    """The other end of a socket, that answers what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", lambda *_: ours)
            self.netlink = Netlink()
        monkeypatch.setattr(self.netlink, "_send", lambda *_: setattr(self.netlink, "_sequence", 1))

    def says(self, *messages: bytes) -> None:
        for each in messages:
            self.theirs.send(each)

    def close(self) -> None:
        self.netlink.close()
        self.theirs.close()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    kernel = Kernel(monkeypatch)
    yield kernel
    kernel.close()


def test_an_interrupted_dump_is_asked_for_again(kernel: Kernel) -> None:
    """What a change has torn is thrown away; an answer to an earlier question too."""
    kernel.says(
        message(16, NLM_F_DUMP_INTR, 1, b"torn") + message(NLMSG_DONE, 0, 1, DONE),
        message(16, 0, 9, b"late") + message(16, 0, 1, b"good"),
        message(NLMSG_DONE, 0, 1, DONE),
    )
    assert kernel.netlink.dump(18, b"", bytes.decode) == ["good"]


def test_a_table_that_never_stands_still(kernel: Kernel) -> None:
    for _ in range(4):
        kernel.says(message(NLMSG_DONE, NLM_F_DUMP_INTR, 1, DONE))
    with pytest.raises(SourceAbsent, match="changes faster"):
        kernel.netlink.dump(18, b"", bytes.decode)


def test_errors_have_names(kernel: Kernel) -> None:
    """At the beginning of a dump, at its end, and of a question; a message too long for us."""
    for kind in (NLMSG_ERROR, NLMSG_DONE):
        kernel.says(message(kind, 0, 1, (-1).to_bytes(4, "little", signed=True) + bytes(16)))
        with pytest.raises(SourceAbsent) as error:
            kernel.netlink.dump(18, b"", bytes.decode)
        assert error.value.absent.absence is Absence.DENIED
    kernel.says(message(NLMSG_ERROR, 0, 1, (-95).to_bytes(4, "little", signed=True)))
    with pytest.raises(SourceAbsent) as error:
        kernel.netlink.ask(18, b"", bytes.decode)
    assert error.value.absent.absence is Absence.UNSUPPORTED


def test_no_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(SourceAbsent, match="netlink socket"):
        Netlink()


def test_our_own_namespaces() -> None:
    """As the links say; of what is not asked for nothing is told."""
    found = Namespaces(HOST).of(os.getpid(), NamespaceKind)
    assert found[NamespaceKind.NET] == os.stat("/proc/self/ns/net").st_ino
    assert Namespaces(HOST).net(os.getpid()) == found[NamespaceKind.NET]
    assert os.getpid() in Namespaces(HOST).processes()
    only = Namespaces(HOST).of(os.getpid(), [NamespaceKind.UTS])
    assert list(only) == [NamespaceKind.UTS]


def test_a_process_that_is_gone() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(SourceAbsent) as error:
        Namespaces(HOST).of(child, NamespaceKind)
    assert error.value.absent.absence is Absence.VANISHED
    assert Namespaces(HOST).net(child) is None


def host(top: Path) -> HostRoot:
    """A made-up host, whose /proc has our own namespaces."""
    ns = top / "proc/self/ns"
    ns.mkdir(parents=True)
    (ns / "net").write_text("")
    return HostRoot.at(top)


def test_names(tmp_path: Path) -> None:
    """A file on the file system of namespaces is one; a file elsewhere, or a torn link, is none."""
    namespaces = Namespaces(host(tmp_path))
    assert namespaces.named() == ()
    netns = tmp_path / "run/netns"
    netns.mkdir(parents=True)
    (netns / "cni-a").write_text("")
    (netns / "b\n").symlink_to("nowhere")
    (netns / "proc").symlink_to("/proc/version")
    named, other = namespaces.named()
    assert (named.name, named.inode) == ("cni-a", (netns / "cni-a").stat().st_ino)
    assert named.created_wall_ns > 0
    assert (other.inode, other.problem) == (0, "no namespace is mounted on it")
    assert namespaces.of_name("cni-a") == netns / "cni-a"


def can_enter() -> bool:
    status = Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0]
    return bool(int(status, 16) & (1 << 21))  # CAP_SYS_ADMIN


@pytest.mark.skipif(not can_enter(), reason="entering a namespace needs CAP_SYS_ADMIN")
def test_a_socket_elsewhere() -> None:
    """It is in the other namespace, its thread is back, and once closed it keeps nothing alive."""
    namespaces = Namespaces(HOST)
    ready, done = threading.Event(), threading.Event()
    pids: list[int] = []

    def live_elsewhere() -> None:
        os.unshare(0x40000000) if hasattr(os, "unshare") else _unshare()
        pids.append(threading.get_native_id())
        ready.set()
        done.wait(20)

    thread = threading.Thread(target=live_elsewhere)
    thread.start()
    try:
        assert ready.wait(20)
        path = Path(f"/proc/self/task/{pids[0]}/ns/net")
        before = os.stat("/proc/thread-self/ns/net").st_ino
        with namespaces.opened(path) as fd:
            assert os.fstat(fd).st_ino != before
            with namespaces.socket_in(fd) as sock:
                assert os.stat("/proc/thread-self/ns/net").st_ino == before
                assert names(sock) <= {"lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0"}
                with Netlink() as own:
                    assert own.cookie() is None or own.cookie() != sock.cookie()
    finally:
        done.set()
        thread.join()


def _unshare() -> None:
    import ctypes

    assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0


def test_what_is_no_namespace_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    namespaces = Namespaces(HOST)
    with namespaces.opened(tmp_path / "file") as fd, pytest.raises(SourceAbsent, match="setns"):
        namespaces.socket_in(fd)
    with pytest.raises(SourceAbsent) as error, namespaces.opened(tmp_path / "none"):
        pass
    assert error.value.absent.absence is Absence.VANISHED
