"""What can be wrong with the journal's file, in the words of its published health."""

from __future__ import annotations

import enum
import os
import sqlite3
from pathlib import Path


class Trouble(enum.Enum):
    """The value is the state that `JournalHealth` gives it."""

    FULL = "full"  # no room on the disk, or within the journal's own bound
    FAILED = "failed"  # the disk or the file refuses
    CORRUPT = "corrupt"  # never published: the file is set aside, and a new one begins
    REFUSED = "refused"  # a newer version wrote it


class StoreError(Exception):
    """An operation on the journal's file failed; nothing of it was committed."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail


def store_error(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """Say what an error of SQLite or of the system means. It may touch the disk."""
    if isinstance(error, OSError):
        return StoreError(Trouble.FAILED, f"{path}: {error.strerror or error}")
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    detail = f"{path}: {error} ({name})"
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreError(Trouble.FULL, detail)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(Trouble.CORRUPT, detail)
    # ENOSPC while SQLite sizes its -shm file, or makes a file, comes as SQLITE_IOERR or _CANTOPEN.
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _no_space(path.parent):
        return StoreError(Trouble.FULL, detail)
    return StoreError(Trouble.FAILED, detail)


def _no_space(directory: Path) -> bool:
    try:
        figures = os.statvfs(directory)
    except OSError:
        return False
    return figures.f_bavail == 0 or (figures.f_files > 0 and figures.f_favail == 0)
