"""agent.host.inet_diag, agent.host.inet_filter and agent.observe.connections, on connections of our
own and on a kernel that answers what the test says.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.callers import CallerFinder
from agent.host.cgroup_fs import CgroupFs
from agent.host.inet_diag import dump_tcp
from agent.host.inet_filter import Op, bytecode, in_cgroup, not_from_ports, to_ports
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_SOCK_DIAG, Netlink
from agent.host.proc import ProcReader
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.heartbeat import Role
from agent.observe.connections import ConnectionSight, address
from agent.parse.inet_diag import TCP_ESTABLISHED, TCP_SYN_SENT, TcpSocket
from tests.host.this_host import HOST

COMM = Path("/proc/self/comm").read_text().strip()


class Pair:
    """A connection over the loopback."""

    def __init__(self, family: socket.AddressFamily, host: str) -> None:
        with socket.socket(family) as listening:
            listening.bind((host, 0))
            listening.listen()
            self.port: int = listening.getsockname()[1]
            self.ours = socket.create_connection((host, self.port))
            self.served, _ = listening.accept()
        self.from_port: int = self.ours.getsockname()[1]

    def close(self) -> None:
        self.ours.close()
        self.served.close()


@pytest.fixture
def four() -> Iterator[Pair]:
    pair = Pair(socket.AF_INET, "127.0.0.1")
    yield pair
    pair.close()


@pytest.fixture
def six() -> Iterator[Pair]:
    try:
        pair = Pair(socket.AF_INET6, "::1")
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    yield pair
    pair.close()


def dump(*parts: tuple[Op, ...]) -> set[int]:
    """The remote ports of those that the kernel lets through."""
    with Netlink(NETLINK_SOCK_DIAG) as asking:
        found = dump_tcp(asking, (TCP_ESTABLISHED, TCP_SYN_SENT), bytecode(*parts))
    return {each.remote[1] for each in found}


def test_filters(four: Pair, six: Pair) -> None:
    """The kernel takes each program, and lets through what it says."""
    both = {four.port, six.port}
    ends = both | {four.from_port, six.from_port}
    assert ends <= dump()
    assert dump(to_ports([four.port])) == {four.port}
    assert dump(to_ports([1, *both, 65535])) == both
    assert dump(to_ports([1])) == set()
    assert dump(not_from_ports([four.port, 1, 65535])) & ends == ends - {four.from_port}
    assert dump(not_from_ports(both), to_ports(both)) == both
    assert dump(not_from_ports([four.from_port]), to_ports(both)) == {six.port}


def test_info(four: Pair) -> None:
    """TCP_INFO is told, and the inode that the process has for it."""
    four.ours.sendall(b"x")
    with Netlink(NETLINK_SOCK_DIAG) as asking:
        (found,) = dump_tcp(asking, (TCP_ESTABLISHED,), bytecode(to_ports([four.port])))
    assert found.info is not None
    assert found.info.rto_us >= 200_000
    assert found.local == ("127.0.0.1", four.from_port)
    assert found.inode == os.fstat(four.ours.fileno()).st_ino


class Fs:
    """cgroup v2 with one cgroup, which is that of nobody here."""

    mode = CgroupMode.V2

    def inode(self, path: str) -> int:
        return 1 << 60


def sight(fs: object, ports: tuple[int, ...]) -> ConnectionSight:
    proc = ProcReader(HOST)
    finder = CallerFinder(HOST, proc, {Role.KUBELET: [COMM], Role.API_SERVER: ["none-such"]})
    return ConnectionSight(finder, Namespaces(HOST), cast(CgroupFs, fs), os.getpid(), ports)


def test_by_descriptors(four: Pair) -> None:
    """A process is found by its name; sockets that it did not make in its present cgroup are its
    own all the same, and those of others are not.
    """
    looking = sight(Fs(), (four.port,))
    (me,) = [caller for caller in looking.find() if caller.pid == os.getpid()]
    assert (me.role, me.comm) == (Role.KUBELET, COMM)
    (found,) = looking.look(me)
    assert found.remote == f"127.0.0.1:{four.port}"
    assert not found.dialling
    four.ours.close()
    assert looking.look(me) == ()


def test_threads() -> None:
    finder = CallerFinder(HOST, ProcReader(HOST), {})
    assert finder.has_thread(os.getpid(), os.getpid())
    assert not finder.has_thread(os.getpid(), 1)
    assert finder.find() == []
    with pytest.raises(SourceAbsent):
        finder.sockets(1 << 22)


def test_own_cgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel tells sockets by their cgroup, descriptors are not looked at; one that is
    too old for it refuses the filter.
    """
    asked: list[bytes] = []
    answers: list[object] = []

    def answer(asking: Netlink, states: object, code: bytes) -> tuple[TcpSocket, ...]:
        asked.append(code)
        told = answers.pop(0)
        if isinstance(told, Exception):
            raise told
        return cast(tuple[TcpSocket, ...], told)

    monkeypatch.setattr("agent.observe.connections.dump_tcp", answer)
    looking = sight(Fs(), (443,))
    (me,) = [caller for caller in looking.find() if caller.pid == os.getpid()]
    if me.cgroup in ("", "/"):
        pytest.skip("this process has no cgroup of its own")
    one = TcpSocket(
        state=TCP_SYN_SENT, local=("10.0.0.4", 1), remote=("fd00::1", 443), cookie=1, inode=1,
        send_queue=0,
    )  # fmt: skip
    answers = [(one,)]
    (found,) = looking.look(me)
    assert (found.remote, found.dialling) == ("[fd00::1]:443", True)
    assert asked == [bytecode(in_cgroup(1 << 60), to_ports([443]))]
    answers = [SourceAbsent(Absence.FAILED, "Invalid argument"), (one,)]
    assert looking.look(me) == ()
    assert asked[-1] == bytecode(to_ports([443]))
    answers = [SourceAbsent(Absence.DENIED, "no")]
    with pytest.raises(SourceAbsent):
        looking.look(me)


def test_address() -> None:
    assert address(("10.0.0.1", 443)) == "10.0.0.1:443"
    assert address(("fd00::1", 443)) == "[fd00::1]:443"
