"""agent.parse.proc_maps."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.proc_maps import Mapping, parse_maps

MAPS = b"""\
00400000-00401000 r--p 00000000 fe:00 393262                             /usr/bin/python 3.11
7f3c5a200000-7f3c5a7d1000 r-xp 00026000 fe:00 131180                     /a (deleted)
7f3c5b000000-7f3c5b008000 rw-s 00000000 fe:00 77                         /journal.db-shm
7ffd1c1f9000-7ffd1c21a000 rw-p 00000000 00:00 0                          [stack]
7ffd1c3f9000-7ffd1c41a000 rw-p 00000000 00:00 0
"""


def test_maps() -> None:
    """With a file or without, shared or not, whatever the path is."""
    found = parse_maps(MAPS)
    assert found[0] == Mapping(start=0x400000, end=0x401000, permissions="r--p", inode=393262)
    assert [(m.permissions, m.inode) for m in found[1:]] == [
        ("r-xp", 131180),
        ("rw-s", 77),
        ("rw-p", 0),
        ("rw-p", 0),
    ]
    assert found[1].size == 0x5D1000


@pytest.mark.parametrize(
    "line",
    [b"x", b"1-0 r-xp 0 0:0 1", b"0-1 r-x 0 0:0 1", b"0-1 r-xp 0 0:0", b"0-1-2 r-xp 0 0:0 1"],
)
def test_no_maps(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_maps(line)
