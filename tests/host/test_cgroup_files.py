"""The files of one cgroup, of a captured host; of this one where it has the kernel's own."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_files import CgroupFiles
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode

HOT = ("memory.current", "memory.stat")
Open = Callable[..., CgroupFiles]


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    made = tmp_path / "pod"
    made.mkdir()
    for name, text in (
        ("memory.current", "7\n"),
        ("memory.stat", "anon 1\n"),
        ("cgroup.procs", ""),
    ):
        (made / name).write_text(text)
    return made


@pytest.fixture
def open_files(tmp_path: Path, pod: Path) -> Iterator[Open]:
    """Opens a cgroup below the temporary directory; all is closed in the end."""
    fs = CgroupV2(MemoryHierarchy(mode=CgroupMode.V2, mount_point=tmp_path))
    opened: list[CgroupFiles] = []

    def make(inode: int | None = None, path: str = "/pod") -> CgroupFiles:
        files = CgroupFiles(fs, path, fs.inode(path) if inode is None else inode, HOT)
        opened.append(files)
        return files

    yield make
    for files in opened:
        files.close()
        files.close()
    fs.close()


def absence(error: pytest.ExceptionInfo[SourceAbsent]) -> Absence:
    return error.value.absent.absence


def test_hot_files_are_read_anew(open_files: Open, pod: Path) -> None:
    files = open_files()
    assert files.hot() == [b"7\n", b"anon 1\n"]
    (pod / "memory.current").write_text("8\n")
    assert files.hot() == [b"8\n", b"anon 1\n"]


def test_a_file_that_is_not_there(open_files: Open, pod: Path) -> None:
    """It reads as nothing, and is found when a controller has brought it."""
    (pod / "memory.stat").unlink()
    files = open_files()
    assert files.hot() == [b"7\n", b""]
    assert files.read("memory.peak") == b""
    (pod / "memory.stat").write_text("anon 2\n")
    (pod / "memory.peak").write_text("9\n")
    assert (files.hot(), files.read("memory.peak")) == ([b"7\n", b""], b"9\n")
    files.reopen()
    assert files.hot() == [b"7\n", b"anon 2\n"]


def test_more_than_a_page(open_files: Open, pod: Path) -> None:
    """Nothing is cut."""
    long = "x 1\n" * 5_000
    (pod / "memory.stat").write_text(long)
    files = open_files()
    assert files.hot()[1] == files.read("memory.stat") == long.encode()


def test_another_cgroup_under_that_path(open_files: Open) -> None:
    with pytest.raises(SourceAbsent) as error:
        open_files(inode=1)
    assert absence(error) is Absence.VANISHED
    with pytest.raises(SourceAbsent) as error:
        open_files(inode=1, path="/none")
    assert absence(error) is Absence.VANISHED


def test_removed(open_files: Open, pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept descriptors say ENODEV then, and the directory has nothing in it."""
    files = open_files()
    for name in os.listdir(pod):
        (pod / name).unlink()
    _reading_fails(monkeypatch, errno.ENODEV)
    for read in (files.hot, lambda: files.read("memory.peak")):
        with pytest.raises(SourceAbsent) as error:
            read()
        assert absence(error) is Absence.VANISHED


def test_pressure_switched_off(open_files: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One kept file is gone (cgroup.pressure=0) or says EOPNOTSUPP (psi=0); the cgroup is there."""
    files = open_files()
    gone, read = files._kept[1], os.pread

    def pread(fd: int, count: int, offset: int) -> bytes:
        if fd == gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return read(fd, count, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", pread)
        assert files.hot() == [b"7\n", b"anon 1\n"]  # by its name
    assert files.hot() == [b"7\n", b""]
    files.reopen()
    assert files.hot() == [b"7\n", b"anon 1\n"]


def test_other_errors_are_no_absence(open_files: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    files = open_files()
    _reading_fails(monkeypatch, errno.EIO)
    with pytest.raises(SourceAbsent) as error:
        files.read("memory.current")
    assert absence(error) is Absence.FAILED


def test_few_descriptors(open_files: Open, pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond half of them nothing is kept, and all is read all the same."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (4, 4))
    files = open_files()
    assert files._kept == [-1, -1]
    assert files.hot() == [b"7\n", b"anon 1\n"]


def _reading_fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: Any) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "read", fail)
    monkeypatch.setattr(os, "pread", fail)
