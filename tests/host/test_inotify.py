"""inotify on directories and on cgroups of our own."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.inotify import (
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_ISDIR,
    IN_MODIFY,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    Inotify,
    InotifyEvent,
    _absent,
)
from agent.model.absence import Absence
from tests.host.this_host import HOST, bare_v2_cgroup, eater, readable


def test_births_and_deaths_in_a_directory(tmp_path: Path) -> None:
    """Names come as bytes, directories are marked, and an empty queue is an empty tuple."""
    inotify = Inotify()
    try:
        wd = inotify.add_watch(tmp_path, IN_CREATE | IN_DELETE | IN_ONLYDIR)
        assert inotify.read() == ()
        os.mkdir(os.fsencode(tmp_path) + b"/\xff")
        (tmp_path / "file").touch()
        (tmp_path / "file").unlink()
        assert readable(inotify)
        assert inotify.read() == (
            InotifyEvent(wd, IN_CREATE | IN_ISDIR, 0, b"\xff"),
            InotifyEvent(wd, IN_CREATE, 0, b"file"),
            InotifyEvent(wd, IN_DELETE, 0, b"file"),
        )
    finally:
        inotify.close()


def test_watch_ends_with_what_it_watches(tmp_path: Path) -> None:
    """The kernel says so, and forgetting such a watch is no error."""
    (tmp_path / "watched").mkdir()
    inotify = Inotify()
    try:
        wd = inotify.add_watch(tmp_path / "watched", IN_CREATE)
        (tmp_path / "watched").rmdir()
        assert inotify.read() == (InotifyEvent(wd, IN_IGNORED, 0, b""),)
        inotify.rm_watch(wd)
    finally:
        inotify.close()
        inotify.close()


def test_overflow_is_an_event(tmp_path: Path) -> None:
    """A queue that nobody reads ends with IN_Q_OVERFLOW of the watch -1."""
    longest = int((HOST.proc / "sys/fs/inotify/max_queued_events").read_bytes())
    inotify = Inotify()
    try:
        inotify.add_watch(tmp_path, IN_CREATE | IN_DELETE)
        for _ in range(longest // 2 + 1):
            (tmp_path / "file").touch()
            (tmp_path / "file").unlink()
        last = InotifyEvent(0, 0, 0, b"")
        while events := inotify.read():
            last = events[-1]
        assert last == InotifyEvent(-1, IN_Q_OVERFLOW, 0, b"")
    finally:
        inotify.close()


def test_cgroup_file_wakes_us() -> None:
    """The kernel touches cgroup.events, as it does memory.events, when its content changes."""
    inotify = Inotify()
    try:
        with bare_v2_cgroup("inotify") as (fs, path):
            wd = inotify.add_watch(fs.directory(path) / "cgroup.events", IN_MODIFY)
            with eater() as child:
                (fs.directory(path) / "cgroup.procs").write_text(str(child.pid))
                assert readable(inotify)
                assert {(e.wd, e.mask) for e in inotify.read()} == {(wd, IN_MODIFY)}
                assert fs.populated(path)
                child.kill()
                child.reap()
                assert readable(inotify)
            assert not fs.populated(path)
    finally:
        inotify.close()


def test_missing_path_has_vanished(tmp_path: Path) -> None:
    """Cgroups go while we add the watch: that is VANISHED, not an error of ours."""
    inotify = Inotify()
    try:
        with pytest.raises(SourceAbsent) as raised:
            inotify.add_watch(tmp_path / "none", IN_CREATE)
        assert raised.value.absent.absence is Absence.VANISHED
    finally:
        inotify.close()


def test_exhausted_instances_name_the_sysctl() -> None:
    """EMFILE tells which limit to raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(HOST.root, os.O_PATH)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(SourceAbsent, match=r"fs\.inotify\.max_user_instances"):
            Inotify()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_exhausted_watches_name_the_sysctl() -> None:
    """ENOSPC has nothing to do with a disk."""
    ctypes.set_errno(errno.ENOSPC)
    absent = _absent("inotify_add_watch /x").absent
    assert absent.absence is Absence.FAILED
    assert "fs.inotify.max_user_watches" in absent.detail
