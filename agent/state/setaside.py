"""A corrupt journal is kept for whoever wants to look at it, and out of the way.

    journal.db.corrupt-20260102T030405.000000Z     and beside it the same with -wal and -shm

so that `sqlite3 journal.db.corrupt-20260102T030405.000000Z .recover` sees all there is.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

KEPT = 3
PARTS = ("", "-wal", "-shm")


def set_aside(path: Path, wall_ns: int) -> Path:
    """Rename the file with its -wal and -shm, and remove all but the newest 3 that lie aside.

    Returns the new path. `OSError` if the file cannot be renamed; it is then still in its place.
    """
    aside = _aside(path, wall_ns)
    while aside.exists():
        wall_ns += 1000
        aside = _aside(path, wall_ns)
    # Last the file itself: as long as it is there, a crash in between is only found corrupt again.
    for part in reversed(PARTS):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{part}", f"{aside}{part}")
    for old in [other for other in asides(path) if other != aside][: 1 - KEPT]:
        for part in PARTS:
            Path(f"{old}{part}").unlink(missing_ok=True)
    return aside


def asides(path: Path) -> list[Path]:
    """What lies aside of this journal, oldest first, without the -wal and -shm files."""
    found = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(aside for aside in found if not aside.name.endswith(PARTS[1:]))


def _aside(path: Path, wall_ns: int) -> Path:
    seconds, ns = divmod(wall_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
    return path.with_name(f"{path.name}.corrupt-{moment}.{ns // 1000:06}Z")
