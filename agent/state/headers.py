"""Which version wrote a journal, from the first page of the file and of its log, without SQLite.

    53 51 4c 69 74 65 20 66 6f 72 6d 61 74 20 33 00   a file begins with "SQLite format 3"
    37 7f 06 82 00 2d e2 18 00 00 10 00 ...           a log: magic, format, bytes of a page, ...

SQLite would open both, and to look into a log it makes an index of it: in a file that is mapped
into memory, or by writing. Here nothing is written, and nothing is mapped.

https://www.sqlite.org/fileformat2.html (1.3 The Database Header, 4.1 WAL File Format)
"""

from __future__ import annotations

from pathlib import Path

from agent.state.trouble import StoreError, Trouble

_MAGIC = b"SQLite format 3\0"
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_HEAD = 100
_LOG_HEAD = 32
_FRAME_HEAD = 24


def written_version(path: Path) -> int:
    """PRAGMA user_version of a file; 0 if it is empty. `StoreError` CORRUPT if it is cut short.

    A version that was changed a moment before a crash may be in the log alone. It takes as long as
    the disk; `OSError` as usual.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return 0
    if len(head) < _HEAD or not head.startswith(_MAGIC):
        raise StoreError(Trouble.CORRUPT, f"{path}: not an SQLite file")
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        return max(_version_in(head), _version_in_log(log))
    if path.stat().st_size < _bytes_in(head):
        raise StoreError(Trouble.CORRUPT, f"{path}: shorter than its header says")
    return _version_in(head)


def _version_in(head: bytes) -> int:
    return int.from_bytes(head[60:64], "big")


def _bytes_in(head: bytes) -> int:
    page = int.from_bytes(head[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")


def _version_in_log(log: Path) -> int:
    """Of the newest first page that was committed; 0 if there is none."""
    found = latest = 0
    with log.open("rb") as file:
        head = file.read(_LOG_HEAD)
        page = int.from_bytes(head[8:12], "big")
        if int.from_bytes(head[:4], "big") not in _LOG_MAGIC or not 512 <= page <= 65536:
            return 0  # SQLite does not read it either
        while len(frame := file.read(_FRAME_HEAD + page)) == _FRAME_HEAD + page:
            if frame[8:16] != head[16:24]:  # salts: what follows is of an earlier log
                break
            content = frame[_FRAME_HEAD:]
            if int.from_bytes(frame[:4], "big") == 1 and content.startswith(_MAGIC):
                latest = _version_in(content)
            if any(frame[4:8]):  # the last frame of a commit
                found = latest
    return found
