"""Reading and writing the kernel's small files: no buffering, no decoding, absence with a name."""

from __future__ import annotations

import os
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence

# One read(2) of a seq_file returns at most the kernel's buffer, one page unless a single record is
# larger, whatever is asked for (seq_read_iter, fs/seq_file.c): read to the end.
_CHUNK = 65536
_LIMIT = 4 << 20


def read_file(path: str | Path, *, limit: int = _LIMIT, dir_fd: int | None = None) -> bytes:
    """All bytes of a file, read to its end. With `dir_fd`, a relative path starts there.

    Raises SourceAbsent; FAILED if there is more than `limit`, for half a file must not be parsed.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=dir_fd)
        try:
            return _read_all(fd, path, limit)
        finally:
            os.close(fd)
    except OSError as error:
        raise SourceAbsent.of(error, path) from error


def pread_file(fd: int, path: str | Path, *, limit: int = _LIMIT) -> bytes:
    """All bytes of a kept descriptor, from its start. `path` is for the words of SourceAbsent."""
    parts = []
    size = 0
    try:
        while part := os.pread(fd, _CHUNK, size):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _too_long(path, limit)
    except OSError as error:
        raise SourceAbsent.of(error, path) from error
    return b"".join(parts)


def write_file(path: str | Path, data: bytes, *, dir_fd: int | None = None) -> None:
    """Write `data` in one write(2) to a file of the kernel that exists already."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=dir_fd)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
    except OSError as error:
        what = f"write {data[:80].decode('ascii', 'backslashreplace')!r} to {path}"
        raise SourceAbsent.of(error, what) from error


def _read_all(fd: int, path: str | Path, limit: int) -> bytes:
    data = os.read(fd, _CHUNK)
    if not data:
        return data
    parts = [data]
    size = len(data)
    while data := os.read(fd, _CHUNK):
        parts.append(data)
        size += len(data)
        if size > limit:
            raise _too_long(path, limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_long(path: str | Path, limit: int) -> SourceAbsent:
    return SourceAbsent(Absence.FAILED, f"{path}: longer than {limit} bytes")
