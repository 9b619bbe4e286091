"""Walking a hierarchy: one in a directory, and a real one that changes under our hands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_tree import CgroupTree
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from tests.host.this_host import bare_v2_cgroup, eater


def tree_of(root: Path, *directories: bytes | str) -> CgroupTree:
    for directory in directories:
        os.makedirs(os.path.join(os.fsencode(root), os.fsencode(directory)))
    return CgroupTree(MemoryHierarchy(mode=CgroupMode.V2, mount_point=root))


def test_scan_is_parents_first(tmp_path: Path) -> None:
    """All below, each with its inode; files are no cgroups."""
    tree = tree_of(tmp_path, "kubepods/burstable/pod1/a", "kubepods/burstable/pod1/b", "init.scope")
    (tmp_path / "kubepods/memory.max").touch()
    found = dict(tree.scan())
    assert set(found) == {
        "/kubepods",
        "/kubepods/burstable",
        "/kubepods/burstable/pod1",
        "/kubepods/burstable/pod1/a",
        "/kubepods/burstable/pod1/b",
        "/init.scope",
    }
    paths = list(found)
    assert all(
        paths.index(p) > paths.index(p.rpartition("/")[0]) for p in paths if p.count("/") > 1
    )
    assert all(inode == tree.inode(path) for path, inode in found.items())
    assert {path for path, _ in tree.scan("/kubepods/burstable/pod1")} == {
        "/kubepods/burstable/pod1/a",
        "/kubepods/burstable/pod1/b",
    }
    assert tree.discover() == tuple(tree.scan())
    assert tree.directory("/kubepods") == tmp_path / "kubepods"
    assert tree.directory("/") == tmp_path
    tree.close()
    tree.close()


def test_scan_survives_what_vanishes(tmp_path: Path) -> None:
    """A cgroup that goes between being listed and being entered is skipped, not an error."""
    tree = tree_of(tmp_path, "a/one", "b/two")
    seen = []
    for path, _ in tree.scan():
        if path in ("/a", "/b"):
            name = os.listdir(tmp_path / path[1:])[0]
            os.rmdir(tmp_path / path[1:] / name)
            os.rmdir(tmp_path / path[1:])
        seen.append(path)
    assert sorted(seen) == ["/a", "/b"]
    with pytest.raises(SourceAbsent) as raised:
        list(tree.scan("/a"))
    assert raised.value.absent.absence is Absence.VANISHED
    tree.close()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"line\nbreak", "line\\x0abreak"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("größe".encode(), "gr\\xc3\\xb6\\xc3\\x9fe"),
        (b"system-getty\\x2dx.slice", "system-getty\\x2dx.slice"),
    ],
)
def test_hostile_names(tmp_path: Path, name: bytes, shown: str) -> None:
    """A name of any bytes is shown in ASCII, and what is shown opens it."""
    tree = tree_of(tmp_path, b"pod/" + name + b"/below")
    path = f"/pod/{shown}"
    assert tree.children("/pod") == ((path, tree.inode(path)),)
    assert [p for p, _ in tree.scan()] == ["/pod", path, f"{path}/below"]
    assert tree.inode(f"{path}/below")
    assert tree.inode(path) == os.stat(os.fsencode(tmp_path) + b"/pod/" + name).st_ino
    with pytest.raises(SourceAbsent):
        tree.inode(f"{path}\\x00")
    tree.close()


@pytest.mark.parametrize("path", ["/..", "/../../kubepods", "/kubepods/../.."])
def test_no_way_out(tmp_path: Path, path: str) -> None:
    """A path as a foreign cgroup namespace shows it leads nowhere."""
    tree = tree_of(tmp_path, "kubepods")
    with pytest.raises(SourceAbsent, match="no path from the hierarchy's root") as raised:
        tree.inode(path)
    assert raised.value.absent.absence is Absence.FAILED
    tree.close()


def test_gone_and_lacking_are_two_things(tmp_path: Path) -> None:
    """A cgroup that is gone has VANISHED; one without the file has not."""
    tree = tree_of(tmp_path, "pod")
    for path, absence in (("/pod", Absence.UNSUPPORTED), ("/none", Absence.VANISHED)):
        for ask in (tree.read, tree.open):
            with pytest.raises(SourceAbsent) as raised:
                ask(path, "memory.events")
            assert raised.value.absent.absence is absence
    tree.close()


def test_no_such_hierarchy(tmp_path: Path) -> None:
    """A root that is not there has VANISHED."""
    with pytest.raises(SourceAbsent) as raised:
        CgroupTree(MemoryHierarchy(mode=CgroupMode.V2, mount_point=tmp_path / "none"))
    assert raised.value.absent.absence is Absence.VANISHED


def test_real_identity() -> None:
    """A path that is used again has another inode, and a kept descriptor stays with the dead."""
    with bare_v2_cgroup("tree") as (fs, path):
        inode = fs.inode(path)
        assert (path, inode) in fs.children("/")
        fd = fs.open(path, "cgroup.events")
        try:
            os.rmdir(fs.directory(path))
            with pytest.raises(SourceAbsent) as raised:
                fs.inode(path)
            assert raised.value.absent.absence is Absence.VANISHED
            os.mkdir(fs.directory(path))
            assert fs.inode(path) != inode
            with pytest.raises(OSError, match="No such device"):
                os.pread(fd, 4096, 0)
        finally:
            os.close(fd)


def test_real_processes() -> None:
    """Pids of live processes; a zombie is not among them."""
    with bare_v2_cgroup("procs") as (fs, path):
        assert fs.procs(path) == ()
        with eater() as child:
            (fs.directory(path) / "cgroup.procs").write_text(str(child.pid))
            assert fs.procs(path) == (child.pid,)
            assert fs.populated(path)
            child.kill()
            child.wait()
            assert fs.procs(path) == ()
