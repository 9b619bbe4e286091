from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.making import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of the test's own; lets go of whoever still hangs on it."""
    disk = Disk(tmp_path / "journal.db")
    yield disk
    disk.moving.set()
