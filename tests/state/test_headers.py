from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from agent.state.headers import written_version
from agent.state.trouble import StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of version 1, with a log in which there are versions 2 and 3."""
    open_one, path = tmp_path / "open.db", tmp_path / "journal.db"
    connection = sqlite3.connect(open_one, isolation_level=None)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    for version in (2, 3):
        connection.execute(f"PRAGMA user_version = {version}")
    for part in ("", "-wal"):
        shutil.copy(f"{open_one}{part}", f"{path}{part}")
    connection.close()
    return path


def log_of(path: Path) -> Path:
    return Path(f"{path}-wal")


def test_the_log_is_newer(path: Path) -> None:
    """The last version that was committed, be it in the log alone; SQLite says the same."""
    assert written_version(path) == 3
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()
    assert not log_of(path).exists()
    assert written_version(path) == 3


def test_what_was_not_committed(path: Path) -> None:
    """A page that belongs to no commit, or to a log before this one, or is cut: not counted."""
    log = log_of(path)
    whole = log.read_bytes()
    second = 32 + 24 + 4096
    assert len(whole) == second + 24 + 4096
    log.write_bytes(whole[: second + 4] + bytes(4) + whole[second + 8 :])
    assert written_version(path) == 2
    log.write_bytes(whole[: second + 8] + bytes(8) + whole[second + 16 :])
    assert written_version(path) == 2
    log.write_bytes(whole[:-1])
    assert written_version(path) == 2
    log.write_bytes(bytes(32) + whole[32:])
    assert written_version(path) == 1


def test_no_journal(tmp_path: Path) -> None:
    """An empty file has no version, and a short or strange one is corrupt."""
    path = tmp_path / "journal.db"
    path.touch()
    assert written_version(path) == 0
    path.write_bytes(b"SQLite format 3\0")
    with pytest.raises(StoreError, match="not an SQLite file"):
        written_version(path)
