"""The kernel's files are read to their end, and never half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.files import pread_file, read_file, write_file
from agent.model.absence import Absence


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 300_000])
def test_reads_to_the_end(tmp_path: Path, size: int) -> None:
    """All bytes, however many read(2)s that takes, by path and by descriptor."""
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert read_file(tmp_path / "file") == data
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert pread_file(fd, "file") == data
        assert pread_file(fd, "file") == data
    finally:
        os.close(fd)


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    """Half a file must not be parsed."""
    (tmp_path / "file").write_bytes(bytes(100_000))
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        with pytest.raises(SourceAbsent, match="longer than 70000 bytes") as raised:
            read_file(tmp_path / "file", limit=70_000)
        assert raised.value.absent.absence is Absence.FAILED
        with pytest.raises(SourceAbsent, match="longer than 70000 bytes"):
            pread_file(fd, "file", limit=70_000)
    finally:
        os.close(fd)


def test_relative_to_a_directory(tmp_path: Path) -> None:
    """`dir_fd` is where a relative name starts, for reading and writing."""
    (tmp_path / "file").write_bytes(b"old")
    fd = os.open(tmp_path, os.O_PATH)
    try:
        write_file("file", b"new", dir_fd=fd)
        assert read_file("file", dir_fd=fd) == b"new"
        with pytest.raises(SourceAbsent) as raised:
            write_file("other", b"new", dir_fd=fd)
    finally:
        os.close(fd)
    assert raised.value.absent.absence is Absence.VANISHED
    assert raised.value.absent.detail == "write 'new' to other: No such file or directory"
    assert not (tmp_path / "other").exists()


def test_missing_file_has_vanished(tmp_path: Path) -> None:
    """What is not there has VANISHED, and its path is told."""
    with pytest.raises(SourceAbsent, match=str(tmp_path / "none")) as raised:
        read_file(tmp_path / "none")
    assert raised.value.absent.absence is Absence.VANISHED
