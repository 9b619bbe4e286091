"""agent.observe.pod_cgroups on a made-up hierarchy."""

from __future__ import annotations

import pytest

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.network import EmptyPod
from agent.model.oom import Container
from agent.observe.pod_cgroups import empty_pods

PATH = "/kubepods/pod1e6c3ddd-935d-44be-ac0b-1df537489e4e"
SUSPECT = EmptyPod(pod=Container(pod_uid="1e6c"), path=PATH, inode=7)
USED, UNUSED = (f"usage_usec {us}\nuser_usec 0\nsystem_usec 0\n".encode() for us in (9, 0))


class Tree:
    """One cgroup; a file is what it holds."""

    def __init__(self, mode: CgroupMode = CgroupMode.V2, **files: bytes) -> None:
        self.mode = mode
        self.files = files
        self.inodes = 7
        self.processes = False
        self.gone = False

    def inode(self, path: str) -> int:
        assert path == PATH
        if self.gone:
            raise SourceAbsent(Absence.VANISHED, f"cgroup {path} is gone")
        return self.inodes

    def populated(self, path: str) -> bool:
        return self.processes

    def read(self, path: str, name: str) -> bytes:
        return self.files[name.replace(".", "_")]


def test_used_and_empty() -> None:
    """On both hierarchies."""
    assert empty_pods(Tree(cpu_stat=USED), [SUSPECT]) == (SUSPECT,)
    peak = Tree(CgroupMode.V1, memory_max_usage_in_bytes=b"4096\n")
    assert empty_pods(peak, [SUSPECT]) == (SUSPECT,)


@pytest.mark.parametrize(
    "tree",
    [
        Tree(cpu_stat=UNUSED),
        Tree(cpu_stat=b"nonsense"),
        Tree(CgroupMode.V1, memory_max_usage_in_bytes=b"0\n"),
    ],
)
def test_never_used(tree: Tree) -> None:
    """A pod waits for its volume, and has no sandbox yet; or that cannot be told."""
    assert not empty_pods(tree, [SUSPECT])


def test_not_that_one() -> None:
    """Somebody lives in it, it is gone, or another one has its path."""
    tree = Tree(cpu_stat=USED)
    tree.processes = True
    assert not empty_pods(tree, [SUSPECT])
    tree.processes = False
    tree.inodes = 8
    assert not empty_pods(tree, [SUSPECT])
    tree.gone = True
    assert not empty_pods(tree, [SUSPECT])
