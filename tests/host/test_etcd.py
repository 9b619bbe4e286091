"""agent.host.etcd, on a procfs that is made up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.etcd import EtcdFinder
from agent.host.proc import ProcReader
from agent.host.root import HostRoot


def add(root: HostRoot, pid: int, cmdline: bytes, comm: str = "etcd") -> Path:
    """A process whose root is a directory of the test's."""
    at = root.proc / str(pid)
    at.mkdir(parents=True)
    tail = " ".join(["1"] * 18 + ["5412", "0"])
    (at / "stat").write_text(f"{pid} ({comm}) S {tail}\n")
    (at / "comm").write_text(comm + "\n")
    (at / "cmdline").write_bytes(cmdline)
    (at / "cgroup").write_text("0::/system.slice/etcd.service\n")
    (at / "root").symlink_to(root.root)
    (at / "cwd").symlink_to("/var")
    return at


def test_find(tmp_path: Path) -> None:
    """Its directory as it sees it itself, and the device beneath; what is not there is said."""
    root = HostRoot.at(tmp_path)
    (tmp_path / "var/lib/etcd").mkdir(parents=True)
    add(root, 7, b"etcd\0--data-dir=/var/lib/etcd\0")
    add(root, 8, b"etcd\0")
    add(root, 9, b"etcd\0--data-dir=lib/etcd\0")
    add(root, 10, b"etcd\0--data-dir=/gone\0")
    add(root, 11, b"other\0", comm="other")
    os.unlink(add(root, 12, b"etcd\0") / "stat")
    (root.proc / "sys").mkdir()
    found = {each.pid: each for each in EtcdFinder(root, ProcReader(root)).find()}
    number = tmp_path.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    assert set(found) == {7, 8, 9, 10}
    assert {found[pid].directory for pid in (7, 8, 9)} == {"/var/lib/etcd"}
    assert {found[pid].device for pid in (7, 8, 9)} == {device}
    assert (found[10].device, found[10].absent) == ("", "/gone: No such file or directory")
    assert found[7].cgroup == "/system.slice/etcd.service"


def test_no_procfs(tmp_path: Path) -> None:
    root = HostRoot.at(tmp_path / "nowhere")
    with pytest.raises(SourceAbsent):
        EtcdFinder(root, ProcReader(root)).find()
