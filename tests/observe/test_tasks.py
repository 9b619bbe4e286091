"""agent.observe.tasks on a made-up hierarchy and procfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.model.absence import Absence
from agent.model.afterlife import Life
from agent.model.cgroup import CgroupId, CgroupMode
from agent.observe import tasks
from agent.observe.tasks import read_lives, read_tasks
from tests.host.test_tasks import captured, stat
from tests.parse.test_proc_waits import STACK


class Tree:
    """cgroup.events and cgroup.procs by path."""

    def __init__(self, mode: CgroupMode = CgroupMode.V2) -> None:
        self.mode = mode
        self.events: dict[str, bytes | SourceAbsent] = {}
        self.pids: dict[str, tuple[int, ...]] = {}

    def read(self, path: str, name: str) -> bytes:
        assert name == "cgroup.events"
        found = self.events.get(path, SourceAbsent(Absence.VANISHED, f"cgroup {path} is gone"))
        if isinstance(found, SourceAbsent):
            raise found
        return found

    def populated(self, path: str) -> bool:
        return bool(self.procs(path))

    def procs(self, path: str) -> tuple[int, ...]:
        if path not in self.pids:
            raise SourceAbsent(Absence.VANISHED, f"cgroup {path} is gone")
        return self.pids[path]

    def children(self, path: str) -> tuple[tuple[str, int], ...]:
        return tuple((p, 1) for p in self.pids if p.rpartition("/")[0] == path)

    def inode(self, path: str) -> int:
        return 1


def key(inode: int) -> CgroupId:
    return CgroupId(hierarchy="v2", inode=inode)


def test_lives() -> None:
    """What is gone is left out; what cannot be read or parsed is not told."""
    tree = Tree()
    tree.events["/a"] = b"populated 1\nfrozen 1\n"
    tree.events["/b"] = b"populated 0\n"
    tree.events["/c"] = SourceAbsent(Absence.DENIED, "no")
    tree.events["/d"] = b"garbage"
    paths = {key(n): f"/{name}" for n, name in enumerate("abcde")}
    assert read_lives(tree, paths) == {
        key(0): Life(populated=True, frozen=True),
        key(1): Life(populated=False),
        key(2): Life(),
        key(3): Life(),
    }


def test_lives_on_v1() -> None:
    tree = Tree(CgroupMode.V1)
    tree.pids["/a"] = (434,)
    assert read_lives(tree, {key(1): "/a", key(2): "/b"}) == {key(1): Life(populated=True)}


def test_tasks(tmp_path: Path) -> None:
    """Those in state D first and with their stacks, zombies left out, nested cgroups included."""
    tree = Tree()
    tree.pids = {"/a": (1, 2), "/a/nested": (3, 99)}  # 99 ends before it is looked at
    captured(tmp_path, 1, 1, stat=stat(1, "S"), wchan=b"do_wait")
    captured(tmp_path, 1, 7, stat=stat(7, "Z"))
    captured(tmp_path, 2, 2, stat=stat(2, "Z"))
    reader = captured(tmp_path, 3, 3, stat=stat(3, "D"), wchan=b"folio_wait", stack=STACK)
    found = read_tasks(tree, reader, "/a")
    assert [(task.pid, task.state, task.wchan) for task in found.tasks] == [
        (3, "D", "folio_wait"),
        (1, "S", "do_wait"),
    ]
    assert [len(task.stack) for task in found.tasks] == [6, 0]
    assert (found.more, found.absent) == (0, "")


def test_many_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are read, fewer kept; the others are counted."""
    monkeypatch.setattr(tasks, "MAX_READ", 5)
    monkeypatch.setattr(tasks, "MAX_KEPT", 2)
    tree = Tree()
    tree.pids["/a"] = (1,)
    for tid in range(1, 9):
        captured(tmp_path, 1, tid, stat=stat(tid, "S"))
    found = read_tasks(tree, TaskReader(HostRoot.at(tmp_path)), "/a")
    assert (len(found.tasks), found.more) == (2, 6)


def test_no_cgroup(tmp_path: Path) -> None:
    found = read_tasks(Tree(), TaskReader(HostRoot.at(tmp_path)), "/a")
    assert (found.tasks, found.absent) == ((), "cgroup /a is gone")
