"""agent.host.link_changes, in a network namespace of our own on the machine that runs the tests."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.host.absence import SourceAbsent
from agent.host.link_changes import LinkChanges
from agent.host.namespaces import Namespaces
from agent.host.netlink import Netlink
from agent.host.root import HostRoot
from agent.model.evidence import LinksChanged, SourceLost
from agent.observe.links import LinkWatcher
from tests.host.test_netlink import names
from tests.host.test_plumbing import Elsewhere, elsewhere, privileged

__all__ = ["elsewhere"]

SIOCSIFFLAGS, SIOCSIFMTU = 0x8914, 0x8922
SMALL, LARGE = 4096, 1 << 20


class Lo:
    """The loopback of that namespace; each of its changes is one message."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._mtu = 60_000

    def change(self, times: int) -> None:
        for _ in range(times):
            self._mtu ^= 1
            fcntl.ioctl(self._sock, SIOCSIFMTU, struct.pack("16si20x", b"lo", self._mtu))


@pytest.fixture
def lo(elsewhere: Elsewhere) -> Iterator[Lo]:
    with elsewhere.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        yield Lo(sock)


@privileged
def test_changes_are_counted(elsewhere: Elsewhere, lo: Lo) -> None:
    """Those of that namespace and of no other; what is left of a batch is in the next."""
    with LinkChanges(elsewhere.namespaces, LARGE) as changes:
        assert changes.heard() == (0, False)
        lo.change(7)
        assert select.select([changes], [], [], 0)[0]
        assert changes.heard(5) == (5, False)
        assert changes.heard(5) == (2, False)
        assert changes.dropped() == 0


@privileged
def test_an_overrun(elsewhere: Elsewhere, lo: Lo) -> None:
    """What found no room is counted to the last one, what comes later is heard again, and what is
    so then the dump tells.
    """
    with LinkChanges(elsewhere.namespaces, SMALL) as changes:
        lo.change(500)
        heard, lost = changes.heard(1000)
        assert lost
        assert 0 < heard < 500
        assert changes.dropped() == 500 - heard
        assert changes.heard() == (0, False)
        lo.change(1)
        assert changes.heard() == (1, False)
        assert changes.dropped() == 500 - heard
    with elsewhere.inside(), Netlink() as sock:
        assert "lo" in names(sock)


@privileged
def test_a_muted_watcher_sleeps(
    elsewhere: Elsewhere, lo: Lo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while its buffer runs over, which wakes whoever waits for anything of the socket; at the
    next tick it hears on, and tells what was lost.
    """
    monkeypatch.setattr("agent.observe.links.CHANGES_PER_TICK", 3)
    watcher = LinkWatcher(LinkChanges(elsewhere.namespaces, SMALL))
    watcher._left = 3
    lo.change(2)
    assert watcher.observe() == ([LinksChanged(changes=2)], False)
    lo.change(1)
    watcher.observe()
    lo.change(500)
    fd = watcher.fileno()
    assert fd is not None
    assert not select.select([fd], [], [], 0)[0]
    assert watcher.observe() == ([], False)
    (lost,) = watcher.tick()
    assert isinstance(lost, SourceLost)
    assert lost.lost is not None
    assert select.select([fd], [], [], 0)[0]
    heard = watcher.records
    while watcher.observe()[0] or watcher.tick():
        pass
    assert lost.lost + watcher.records - heard == 500
    watcher.close()


def test_no_namespace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It is said, and nothing stays open."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SourceAbsent):
        LinkChanges(Namespaces(HostRoot.at(tmp_path_factory.mktemp("none"))), SMALL)
    assert len(os.listdir("/proc/self/fd")) == before


class Sick:
    """A socket that fails."""

    def __init__(self, **fails: OSError) -> None:
        self._fails = fails
        self.closed = False
        self.told: list[int] = []

    def setsockopt(self, level: int, name: int, value: int) -> None:
        if name == 33 and "force" in self._fails:
            raise self._fails["force"]
        self.told.append(name)

    def bind(self, address: tuple[int, int]) -> None:
        if "join" in self._fails:
            raise self._fails["join"]

    def getsockopt(self, *_: int) -> bytes:
        raise self._fails["info"]

    def recvfrom(self, _: int) -> tuple[bytes, tuple[int, int]]:
        if "read" in self._fails:
            raise self._fails["read"]
        self._fails["read"] = BlockingIOError()
        return b"", (4711, 0)

    def close(self) -> None:
        self.closed = True


def listener(monkeypatch: pytest.MonkeyPatch, sick: Sick | OSError) -> LinkChanges:
    def made(*_: int) -> Sick:
        if isinstance(sick, OSError):
            raise sick
        return sick

    class Anywhere:
        def of_process(self, pid: int) -> int:
            return pid

        def opened(self, path: object) -> ExitStack:
            return ExitStack()

        inside = opened

    monkeypatch.setattr(socket, "socket", made)
    return LinkChanges(Anywhere(), SMALL)  # type: ignore[arg-type]


def test_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each call; without CAP_NET_ADMIN the buffer is no larger than net.core.rmem_max."""
    sick = Sick(force=PermissionError(errno.EPERM, ""), info=OSError(errno.ENOPROTOOPT, ""))
    changes = listener(monkeypatch, sick)
    assert sick.told == [socket.SO_RCVBUF]
    assert changes.dropped() is None
    assert changes.heard() == (0, False)  # who is not the kernel is not heard
    changes.close()
    assert sick.closed
    changes = listener(monkeypatch, Sick(read=OSError(errno.EBADF, "")))
    with pytest.raises(SourceAbsent, match="RTNLGRP_LINK"):
        changes.heard()
    refused = Sick(join=OSError(errno.EPERM, ""))
    with pytest.raises(SourceAbsent, match="listening"):
        listener(monkeypatch, refused)
    assert refused.closed
    with pytest.raises(SourceAbsent, match="netlink socket of links"):
        listener(monkeypatch, OSError(errno.EAFNOSUPPORT, ""))
