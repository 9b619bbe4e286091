"""agent.observe.namespaces: whose namespaces, on a made-up host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.namespaces import Holding, NamespaceKind, NamespaceReport
from agent.model.oom import Container
from agent.observe import namespaces as observe
from agent.observe.namespaces import Wanted, survey

POD = "/kubepods/pod1e6c3ddd-935d-44be-ac0b-1df537489e4e"
HOSTS = 4026531800
NET, MNT, UTS = NamespaceKind.NET, NamespaceKind.MNT, NamespaceKind.UTS


class Node:
    """Processes are directories; a namespace is what a link says."""

    def __init__(self, top: Path) -> None:
        self.proc = top / "proc"
        self.root = HostRoot.at(top)
        self.groups: dict[str, tuple[int, ...] | Exception] = {}
        self.process(1, "/init.scope")
        (self.proc / "self").symlink_to("1")

    def process(self, pid: int, cgroup: str, **inodes: int) -> None:
        """One with the host's namespaces, but for these."""
        ns = self.proc / str(pid) / "ns"
        ns.mkdir(parents=True)
        for rank, kind in enumerate(NamespaceKind):
            inode = inodes.get(kind.value, HOSTS + rank)
            os.symlink(f"{kind.value}:[{inode}]", ns / kind.value)
        (self.proc / str(pid) / "cgroup").write_text(f"0::{cgroup}\n")
        stat = f"{pid} (p{pid}) S 1 1 1 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 5412 1019904 1\n"
        (self.proc / str(pid) / "stat").write_text(stat)

    def procs(self, path: str) -> tuple[int, ...]:
        found = self.groups.get(path, ())
        if isinstance(found, Exception):
            raise found
        return found

    def survey(self, *wanted: Wanted, before: NamespaceReport | None = None) -> NamespaceReport:
        return survey(
            self,
            Namespaces(self.root),
            ProcReader(self.root),
            wanted,
            boottime_ns=7,
            wall_ns=8,
            before=before,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def wanted(name: str, pid: int | None = None, *, sandbox: bool = False) -> Wanted:
    container = Container(pod_uid="u", name=name, id=name)
    return Wanted(container=container, cgroup=f"{POD}/{name}", sandbox=sandbox, init_pid=pid)


def test_containers(node: Node) -> None:
    """Of the init where it is known, else of any process; whose each namespace is."""
    node.process(713, f"{POD}/a", net=71, uts=72, mnt=73)
    node.process(781, f"{POD}/b", net=71, uts=72, mnt=83)
    node.groups = {f"{POD}/a": (713,), f"{POD}/b": (781, 780)}
    report = node.survey(wanted("a", 713, sandbox=True), wanted("b"))
    sandbox, main = report.containers
    assert (sandbox.pid, main.pid) == (713, 781)
    assert report.holding(main, NET) is Holding.POD
    assert report.holding(main, MNT) is Holding.OWN
    assert report.holding(main, NamespaceKind.USER) is Holding.HOST
    assert report.populations == {71: 2, HOSTS + 1: 1}
    assert report.members[71] == 713
    assert report.strangers == ()


def test_containers_of_shortly_before(node: Node) -> None:
    """They are not asked again, unless the process is gone or elsewhere; their names may be new."""
    node.process(713, f"{POD}/a", net=71, uts=72)
    node.groups = {f"{POD}/a": (713,)}
    before = node.survey(wanted("a"))
    (node.proc / "713/ns/uts").unlink()
    (node.proc / "713/ns/uts").symlink_to("uts:[99]")
    named = replace(wanted("a").container, pod="web-0")
    (same,) = node.survey(replace(wanted("a"), container=named), before=before).containers
    assert same.inodes[UTS] == 72
    assert same.container.pod == "web-0"
    (node.proc / "713/ns/net").unlink()
    (node.proc / "713/ns/net").symlink_to("net:[98]")
    assert node.survey(wanted("a"), before=before).containers[0].inodes[UTS] == 99


def test_containers_without_a_process(node: Node) -> None:
    """Why nothing is told of them."""
    node.groups = {
        f"{POD}/b": (999,),
        f"{POD}/c": SourceAbsent(Absence.DENIED, "no"),
        f"{POD}/d": ParseError("a pid", b"x"),
    }
    report = node.survey(*map(wanted, "abcd"))
    assert [each.pid for each in report.containers] == [0] * 4
    told = [each.unread for each in report.containers]
    assert told == ["it has no process", "it has no process", "no", "expected a pid, got 'x'"]


def test_strangers(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service in a mount namespace of its own is one; what a container nests is none."""
    node.process(412, "/system.slice/chrony.service", mnt=90)
    node.process(713, f"{POD}/a", net=71)
    node.process(714, f"{POD}/a", net=99)
    node.groups = {f"{POD}/a": (713, 714)}
    report = node.survey(wanted("a", 713))
    (stranger,) = report.strangers
    assert (stranger.pid, stranger.comm, stranger.inodes) == (412, "p412", {MNT: 90})
    assert stranger.cgroup == "/system.slice/chrony.service"
    assert report.populations[99] == 1
    again = node.survey(wanted("a", 713), before=replace(report, strangers_cut=3))
    assert (again.strangers, again.strangers_cut) == (report.strangers, 3)
    monkeypatch.setattr(observe, "MAX_STRANGERS", 0)
    assert node.survey(wanted("a", 713)).strangers_cut == 1


def test_kinds_that_a_kernel_does_not_have(node: Node) -> None:
    for pid in (1, 713):
        if pid != 1:
            node.process(pid, f"{POD}/a", net=71)
        (node.proc / str(pid) / "ns/time").unlink()
    node.groups = {f"{POD}/a": (713,)}
    report = node.survey(wanted("a"))
    assert NamespaceKind.TIME not in report.host
    assert report.containers[0].inodes[UTS] == report.host[UTS]


def test_a_host_that_cannot_be_read(tmp_path: Path) -> None:
    root = HostRoot.at(tmp_path)
    (tmp_path / "proc").mkdir()
    with pytest.raises(SourceAbsent):
        survey(
            Node(tmp_path / "other"),
            Namespaces(root),
            ProcReader(root),
            (),
            boottime_ns=0,
            wall_ns=0,
        )
