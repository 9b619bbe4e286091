"""agent.observe.network: what is asked in which namespace, of kernels that answer from a table."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.observe import network
from agent.observe.network import Target, read_host, read_namespaces
from agent.parse.rtnetlink import (
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETNSID,
    RTM_GETROUTE,
    RTM_GETTFILTER,
    TCMSG,
)
from tests.parse import netlink_making as made

POD = bytes((10, 88, 0, 5))
GATEWAY = bytes((10, 88, 0, 1))
Answer = bytes | SourceAbsent | ParseError
NOTHING = SourceAbsent(Absence.VANISHED, "no such thing")


@dataclass
class Kernel:
    """One namespace."""

    dumps: dict[int, list[bytes]] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    open: int = 0

    def cookie(self) -> int:
        return 4149

    def dump(self, kind: int, body: bytes, parse: Callable[[bytes], object]) -> list[object]:
        found = (parse(each) for each in self.dumps.get(kind, ()))
        return [each for each in found if each is not None]

    def ask(self, kind: int, body: bytes, parse: Callable[[bytes], object]) -> object:
        answer = self.answers.get(kind, NOTHING)
        if isinstance(answer, Exception):
            raise answer
        return parse(answer)

    def __enter__(self) -> Kernel:
        self.open += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self.open -= 1


class Namespaces:
    """A namespace is a file; its socket is a Kernel."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.kernels: dict[int, Kernel] = {}

    def add(self, name: str, kernel: Kernel) -> Target:
        path = self.top / name
        path.write_text("")
        inode = path.stat().st_ino
        self.kernels[inode] = kernel
        return Target(inode=inode, path=path)

    @contextlib.contextmanager
    def opened(self, path: Path) -> Iterator[int]:
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise SourceAbsent.of(error, path) from error
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def inside(self, fd: int) -> Iterator[None]:
        yield

    def socket_in(self, fd: int, protocol: int = 0) -> Kernel:
        return self.kernels[os.fstat(fd).st_ino]


def nsid(number: int) -> bytes:
    return bytes(4) + made.nested({1: made.I32.pack(number)})


class Node:
    def __init__(self, top: Path) -> None:
        self.root = HostRoot.at(top)
        self.namespaces = Namespaces(top)
        end = made.link(index=26, more={10: made.u32(0), 5: made.u32(2)})
        self.host = Kernel(
            dumps={
                RTM_GETLINK: [end, made.link(3, "cni0", kind="bridge")],
                RTM_GETADDR: [made.interface_address(GATEWAY, 3)],
            },
            answers={RTM_GETNSID: nsid(0)},
        )
        inside = made.link(2, "eth0", more={5: made.u32(26), 37: made.I32.pack(5)})
        local = bytearray(made.route(destination=POD, prefix=32))
        local[4] = 255
        self.pod = Kernel(
            dumps={
                RTM_GETLINK: [inside],
                RTM_GETADDR: [made.interface_address(POD)],
                RTM_GETROUTE: [made.route(GATEWAY), bytes(local)],
                RTM_GETNEIGH: [made.neighbour(GATEWAY, 2)],
            },
            answers={RTM_GETNSID: nsid(5)},
        )
        self.at_host = self.namespaces.add("host", self.host)
        self.at_pod = self.namespaces.add("pod", self.pod)

    def read(self, *targets: Target):  # type: ignore[no-untyped-def]
        with self.namespaces.opened(self.at_host.path) as fd:
            host = read_host(self.root, self.namespaces, fd)  # type: ignore[arg-type]
            wanted = targets or (self.at_pod,)
            return host, read_namespaces(self.root, self.namespaces, fd, host, wanted)  # type: ignore[arg-type]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(network, "tcx_programs", lambda index: 0)
    return Node(tmp_path)


def test_a_pod(node: Node) -> None:
    """Everything of it, and nothing is left open."""
    host, (pod,) = node.read()
    assert set(host.links) == {3, 26}
    assert host.addresses == {"10.88.0.1"}
    assert (pod.nsid, pod.host_nsid, pod.cookie) == (0, 5, 4149)
    assert [link.name for link in pod.links] == ["eth0"]
    assert [each.address for each in pod.addresses] == ["10.88.0.5"]
    assert [route.gateway for route in pod.routes] == ["10.88.0.1"]  # without the table "local"
    assert [n.address for n in pod.neighbours] == ["10.88.0.1"]
    assert pod.host_routes == {}
    assert not pod.host_filters
    assert node.host.open == node.pod.open == 0


def test_a_routed_pod(node: Node) -> None:
    """The host's route is asked for where the host's end has no master."""
    node.host.answers[RTM_GETROUTE] = made.route(interface=26)
    _, (pod,) = node.read()
    assert pod.host_routes == {"10.88.0.5": 26}
    node.host.dumps[RTM_GETLINK][0] = made.link(26)  # a port of a bridge
    assert node.read()[1][0].host_routes == {}


def test_a_pod_with_bpf(node: Node) -> None:
    body = TCMSG.pack(0, 26, 1, 0xFFFFFFF2, 0)
    node.host.dumps[RTM_GETTFILTER] = [body + made.nested({1: b"bpf\0"})]
    assert node.read()[1][0].host_filters == {26}
    node.host.dumps[RTM_GETTFILTER] = [body + made.nested({1: b"u32\0"})]
    assert not node.read()[1][0].host_filters


@pytest.mark.parametrize(
    ("programs", "attached", "unasked"), [(1, {26}, set()), (0, set(), set()), (None, set(), {26})]
)
def test_a_pod_with_tcx(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    programs: int | None,
    attached: set[int],
    unasked: set[int],
) -> None:
    """As newer kernels attach programs; where that cannot be asked, it is not known."""

    def count(index: int) -> int:
        if programs is None:
            raise NOTHING
        return programs

    monkeypatch.setattr(network, "tcx_programs", count)
    (pod,) = node.read()[1]
    assert (pod.host_filters, pod.host_unasked) == (attached, unasked)


def test_what_cannot_be_read(node: Node) -> None:
    """It says why; the others are read; what is gone or has become another one is left out."""
    gone = Target(inode=1, path=node.namespaces.top / "gone")
    other = Target(inode=node.at_pod.inode + 1, path=node.at_pod.path)
    garbled = node.namespaces.add("garbled", Kernel(dumps={RTM_GETLINK: [b"x"]}))
    node.namespaces.kernels[garbled.inode].answers[RTM_GETNSID] = nsid(-1)
    denied = node.namespaces.add("denied", Kernel())
    refusal = SourceAbsent(Absence.DENIED, "setns: no")
    node.namespaces.kernels[denied.inode].answers[RTM_GETNSID] = refusal
    _, found = node.read(gone, other, garbled, denied, node.at_pod)
    assert [each.inode for each in found] == [garbled.inode, denied.inode, node.at_pod.inode]
    assert "ifinfomsg" in found[0].unread
    assert found[1].unread == "setns: no"
    assert not found[2].unread


def test_counters_of_a_process(node: Node, tmp_path: Path) -> None:
    """Retransmits are read through a process; forwarding only where it is the host's."""
    net = tmp_path / "proc/713/net"
    net.mkdir(parents=True)
    (net / "snmp").write_text("Tcp: RetransSegs\nTcp: 31\n")
    target = Target(inode=node.at_pod.inode, path=node.at_pod.path, pid=713)
    host, (pod,) = node.read(target)
    assert pod.retransmits == 31
    assert host.forwarding == {}
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/net").symlink_to(node.at_host.path)
    (tmp_path / "proc/sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    assert node.read(target)[0].forwarding == {4: False}
